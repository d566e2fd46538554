/* Who holds both bytes of a dead endpoint. A killed repairer loses them; the next one, or another
 * process of the same kind, begins again. */
#define MAY_DIE  if :: true :: repair_kills > 0 -> repair_kills--; goto dead fi
#define VERDICT(c) atomic { life[c] == DEAD && !locked[c] -> locked[c] = true; d = c }

/* T12 by repair: decides for good what thieves were about (I3). */
inline seal_dead() {
  v = line_limit[d];
  do
  :: x = K(stamp[SLOT(ln, p)]);  /* as it is by now */
     atomic {
       e = ENDOF(v);
       if :: (TAG(v) != 0 && TAG(v) != d) || e <= p || e > p + x -> e = p + x :: else fi
     }
     atomic {
       if
#ifdef REPAIR_SETTLES   /* mutation */
       :: line_limit[d] == v -> line_limit[d] = SETTLED(e, ln); MAY_DIE; break
#else
       :: line_limit[d] == v -> line_limit[d] = PENDING(e, d, ln); MAY_DIE; break
#endif
       :: else -> v = line_limit[d]
       fi
     }
  od;
  atomic { v = 0; if :: e - p != K(w) -> shrunk = true :: else fi };
  if
  :: e - p != x -> atomic {  /* T13 */
       if :: stamp[SLOT(ln, p)] == w -> stamp[SLOT(ln, p)] = STAMP(p, e - p, d, LEASED); MAY_DIE
       :: else fi
     }
  :: else
  fi
}

/* T14, from the last item to the stamp at p, which goes last. */
inline split_dead() {
  atomic {
    x = line_cursor[d] >> 1;
    if :: line_lane[d] != ln || x < p || x > e -> x = p :: else fi;
    q = e
  }
#ifdef REPAIR_FORWARD   /* mutation: the stamp at p first */
  if :: x > p -> atomic { put_done(ln, p, x - p, d); MAY_DIE } :: else fi;
  q = x;
  do
  :: q < e -> atomic { put_orphan(ln, q); q++; MAY_DIE }
  :: else -> break
  od;
#else
  do
  :: q > x -> atomic { q--; put_orphan(ln, q); MAY_DIE }
  :: else -> break
  od;
  if :: x > p -> atomic { put_done(ln, p, x - p, d); MAY_DIE } :: else fi;
#endif
  atomic { q = 0; x = 0; e = 0 }
}

proctype Repairer() {
  byte d, p, c, e, x, q, i, ln, o, k;
  short w, v;
  bool shrunk, won;

idle:
end_idle:
  if
  :: VERDICT(1)
  :: VERDICT(2)
#if CONSUMERS > 2
  :: VERDICT(3)
#endif
  fi;
  ln = line_lane[d];
  if :: ln == NOLANE -> goto free :: else fi;
again:
  atomic { shrunk = false; c = claim[ln]; p = doneto[ln] };
  do
  :: p >= c -> break
  :: p < c ->
     w = stamp[SLOT(ln, p)];
     atomic { o = OWN(w); k = (WIDE(w) -> K(w) : 1) };
     if
     :: LAP(w) > LAPOF(p) -> goto again  /* overtaken */
     :: LAP(w) < LAPOF(p) ->
        atomic {  /* T7: whoever claimed it; looked at again in the next round */
          stamp_unstamped(ln, p, STAMP(p, 0, 0, ORPHAN), won);
          if :: won -> won = false; MAY_DIE :: else fi
        }
     :: LAP(w) == LAPOF(p) && o == d && ST(w) == LEASED ->
#ifdef TAKEOVER
        if :: line_lane[d] == ln -> seal_dead() :: else -> e = p + K(w) fi;
#else
        e = p + K(w);  /* nobody else has ever touched the limit */
#endif
        split_dead();
        p = p + k
     :: LAP(w) == LAPOF(p) && o == d && ST(w) == HELD ->
        e = p + 1;
        split_dead();
        p = p + 1
     :: LAP(w) == LAPOF(p) && (o != d || ST(w) == DONE || ST(w) == ORPHAN) -> p = p + k
     fi;
     atomic { w = 0; o = 0; k = 0 }
  od;
  if :: shrunk -> goto again :: else fi;
free:
  atomic { life[d] = FREE; MAY_DIE }  /* T21 */
  atomic {
    locked[d] = false;
    d = 0; p = 0; c = 0; e = 0; x = 0; q = 0; i = 0; ln = 0; o = 0; k = 0; w = 0; v = 0;
    shrunk = false; won = false;
    goto idle
  }
dead:
  atomic {
    locked[d] = false;
    d = 0; p = 0; c = 0; e = 0; x = 0; q = 0; i = 0; ln = 0; o = 0; k = 0; w = 0; v = 0;
    shrunk = false; won = false;
    goto idle
  }
}
