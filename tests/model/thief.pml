/* Part of the consumer: takes from the lease w = LEASED(o, K(w)) at p what o has not started. */
take_over:
  atomic { o = OWN(w); b = p; e = p + K(w) };
  v = line_limit[o];
  x = line_cursor[o] >> 1;
  if
  :: line_lane[o] != ln || x < b || x >= e -> goto passed
  :: else
  fi;
  if
  :: (TAG(v) == 0 || TAG(v) == o) && ENDOF(v) > b && ENDOF(v) < e ->
     atomic {  /* T13 for a thief that was stopped before it */
       if
       :: stamp[SLOT(ln, b)] == w ->
          stamp[SLOT(ln, b)] = STAMP(b, ENDOF(v) - b, o, LEASED);
          MAY_END
       :: else
       fi
     }
     goto passed
  :: e - x - 1 == 0 -> goto passed
  :: else
  fi;
  if :: TAG(v) == o || TAG(v) == NUDGE -> goto passed :: else fi;
  atomic { if :: TAG(v) == 0 -> x = e - (e - x) / 2 :: else -> x = ENDOF(v) fi };
  if :: x <= b || x >= e -> goto passed :: else fi;
#ifdef CURSOR_BEFORE_PENDING   /* mutation of P5 */
  i = line_cursor[o] >> 1;
#endif
  atomic {  /* T10 */
    if
    :: line_limit[o] == v -> line_limit[o] = PENDING(x, me, ln); MAY_END
    :: else -> goto passed
    fi
  }
#if defined(TSO) && !defined(NO_FENCE)
  atomic { FLUSH(o) }  /* P5: the heavy fence */
#endif
#ifndef CURSOR_BEFORE_PENDING
  i = line_cursor[o] >> 1;
#endif
  if :: i < b || i >= x || line_lane[o] != ln -> i = 0; goto give_up :: else -> i = 0 fi;
  if :: stamp[SLOT(ln, b)] != w -> goto give_up :: else fi;
  atomic {  /* T11 */
    if
#ifdef CONFIRM_BY_STORE   /* mutation: whatever became of the pending word */
    :: line_limit[o] != PENDING(x, me, ln) -> line_limit[o] = SETTLED(x, ln); MAY_END
#endif
    :: line_limit[o] == PENDING(x, me, ln) -> line_limit[o] = SETTLED(x, ln); MAY_END
    :: else -> goto passed
    fi
  }
#ifndef STAMP_BEFORE_SHRINK
  atomic {  /* T13 */
    if :: stamp[SLOT(ln, b)] == w -> stamp[SLOT(ln, b)] = STAMP(b, x - b, o, LEASED); MAY_END
    :: else fi
  }
#endif
  announce(ln, x, e);
  atomic {  /* T3 */
    stamp_unstamped(ln, x, STAMP(x, e - x, me, LEASED), won);
    if :: won -> won = false; leased[me] = true; MAY_END :: else -> goto idle fi
  }
#ifdef STAMP_BEFORE_SHRINK   /* mutation: two stamps over one item */
  atomic {
    if :: stamp[SLOT(ln, b)] == w -> stamp[SLOT(ln, b)] = STAMP(b, x - b, o, LEASED); MAY_END
    :: else fi
  }
#endif
  atomic { b = x; x = 0; o = 0; w = 0; v = 0; p = 0 };
  goto own;

give_up:  /* T12: while we are pending the stamp says where the batch ends */
  w = stamp[SLOT(ln, b)];
  if
  :: LAP(w) == LAPOF(b) && ST(w) == LEASED && OWN(w) == o ->
     atomic {
       if
       :: line_limit[o] == PENDING(x, me, ln) -> line_limit[o] = SETTLED(b + K(w), ln); MAY_END
       :: else
       fi
     }
  :: else
  fi;

passed:
  atomic { p = e; b = 0; e = 0; x = 0; o = 0; w = 0; v = 0 };
  goto look;
