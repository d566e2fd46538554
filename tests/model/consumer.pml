/* A consumer, all of it: claim, steps, give back, orphans, seizing, take-over. No clocks: what the
 * code does after 1 or 5 ms may happen at any time, and every number of items may be claimed. May
 * begin anew (T19) on its endpoint once that is repaired. */
#ifdef TSO
#define FLUSH(c)  if :: buffered[c] -> line_cursor[c] = buffered[c] - 1; buffered[c] = 0 :: else fi
#else
#define FLUSH(c)  skip
#endif
#ifdef ROLES      /* consumer 1 claims whole lanes, the others live on what it leaves */
#define MAY_CLAIM(l)  (me == 1)
#if LANES == 2    /* in a lane each */
#define MAY_LOOK(l)   (me == (l) + 2)
#else
#define MAY_LOOK(l)   (me != 1)
#endif
#else
#define MAY_CLAIM(l)  true
#define MAY_LOOK(l)   true
#endif

/* lane, cursor, limit in this order (P4) */
inline announce(l, from, to) {
#ifdef TAKEOVER
  atomic { line_lane[me] = l; MAY_END };
  atomic { line_cursor[me] = (from) << 1; MAY_END };
  atomic { line_limit[me] = SETTLED(to, l); MAY_END }
#else
  skip
#endif
}
/* Without take-over only repair reads the line, and only after the death. So the announcement is
 * one step with the CAS that follows: a death between them leaves nothing, as one before them
 * does. */
#ifdef TAKEOVER
#define ANNOUNCED(l, from, to)  skip
#else
#define ANNOUNCED(l, from, to)  line_lane[me] = l; line_cursor[me] = (from) << 1
#endif

/* I3: where the batch ends, by the limit word v; e is the private copy. */
inline shrink_to(pos) {
  x = ENDOF(v);
#ifndef OLD_END   /* mutation: the private copy under a stranger's pending */
  if
#ifdef END_FROM_STAMP   /* mutation: a settled limit is not believed */
  :: TAG(v) != me && e - b > 1 -> x = b + K(stamp[SLOT(ln, b)])
#else
  :: TAG(v) != 0 && TAG(v) != me && e - b > 1 -> x = b + K(stamp[SLOT(ln, b)])  /* a load */
#endif
  :: else
  fi;
#endif
  atomic {
#ifdef OLD_END
    if :: TAG(v) != 0 && TAG(v) != me -> x = e :: else fi;
#endif
    if :: x < pos -> x = pos :: else fi;
    if :: x < b + 1 -> x = b + 1 :: else fi;
    if :: x < e -> e = x :: else fi;
    x = 0
  }
}

inline seal(pos) {
#if defined(TAKEOVER) && !defined(NO_SEAL)   /* mutation: thieves may come meanwhile */
  do
  :: v = line_limit[me];
     shrink_to(pos);
     atomic {
       FLUSH(me);
       if
       :: line_limit[me] == v ->  /* T12 */
          line_limit[me] = PENDING(e, me, ln);
          v = 0;
          MAY_END;
          break
       :: else
       fi
     }
  od
#else
  skip
#endif
}

/* T5: the stamp must be ours still (I1); a thief may be about to shorten it. */
inline finish_batch() {
  atomic {
    FLUSH(me);
    assert(OWN(stamp[SLOT(ln, b)]) == me && LAP(stamp[SLOT(ln, b)]) == LAPOF(b));
    assert(ST(stamp[SLOT(ln, b)]) == HELD || ST(stamp[SLOT(ln, b)]) == LEASED);
    put_done(ln, b, e - b, me);
    leased[me] = false;
    MAY_END
  }
}

/* T9: [first, e) as orphans, what lies before as DONE; from the last to the first. */
inline split(first) {
  assert(OWN(stamp[SLOT(ln, b)]) == me && LAP(stamp[SLOT(ln, b)]) == LAPOF(b));
#ifdef SPLIT_FORWARD
  p = first;
  if :: first > b -> put_done(ln, b, first - b, me) :: else fi;
  do
  :: p < e -> atomic { put_orphan(ln, p); p++; MAY_END }
  :: else -> break
  od;
#else
  p = e;
  do
  :: p > first -> atomic { FLUSH(me); p--; put_orphan(ln, p);
       if :: p == b -> leased[me] = false :: else fi; MAY_END }
  :: else -> break
  od;
  if
  :: first > b -> atomic { FLUSH(me); put_done(ln, b, first - b, me); leased[me] = false; MAY_END }
  :: else
  fi;
#endif
  leased[me] = false
}

proctype Consumer(byte me) {
  byte p, b, e, x, c, i, o;
  byte ln;
  short w, v;
  bool won;

start:
  atomic {  /* T19 */
    line_cursor[me] = 0; line_lane[me] = NOLANE; line_limit[me] = 0; life[me] = LIVE
  }

idle:
  atomic { p = 0; b = 0; e = 0; x = 0; c = 0; i = 0; o = 0; w = 0; v = 0; won = false; ln = 0;
#ifndef TAKEOVER  /* what nobody reads any more must not tell states apart */
    line_cursor[me] = 0; line_lane[me] = NOLANE
#endif
  }
end_idle:
  if
  :: atomic { MAY_CLAIM(0) && tail[0] > claim[0] -> ln = 0 } goto fetch
  :: atomic { MAY_LOOK(0) && SOMETHING_BEHIND(0) -> ln = 0; p = doneto[0]; c = claim[0] } goto look
#if LANES == 2
  :: atomic { MAY_CLAIM(1) && tail[1] > claim[1] -> ln = 1 } goto fetch
  :: atomic { MAY_LOOK(1) && SOMETHING_BEHIND(1) -> ln = 1; p = doneto[1]; c = claim[1] } goto look
#endif
  fi;

fetch:
  atomic {  /* claim, then tail, as one step: T2 fails if claim moves between them */
    b = claim[ln];
    if :: b >= tail[ln] -> goto idle :: else fi;
    e = b + 1;
    do
    :: e < tail[ln] && e - b < BATCH && e % N != 0 -> e++
#ifdef ROLES
    :: e == tail[ln] -> break
#else
    :: break
#endif
    od;
#ifdef TAKEOVER
  }
  announce(ln, b, e);
  atomic {
#endif
    if  /* T2 */
    :: claim[ln] == b -> ANNOUNCED(ln, b, e); claim[ln] = e; MAY_END
    :: else -> goto idle
    fi
  }
#ifdef STAMP_BY_STORE   /* mutation: T3 as a look and a plain store */
  if :: UNSTAMPED(stamp[SLOT(ln, b)], b) :: else -> goto idle fi;
  atomic { stamp[SLOT(ln, b)] = STAMP(b, e - b, me, LEASED); leased[me] = true; MAY_END }
#else
  atomic {  /* T3: never again when it fails */
    stamp_unstamped(ln, b, STAMP(b, e - b, me, LEASED), won);
    if :: won -> won = false; leased[me] = true; MAY_END :: else -> goto idle fi
  }
#endif

own:  /* the batch [b, e) of ln is ours; T4: its first item in hand */
  atomic { c = 0; w = 0; p = b; line_cursor[me] = (b << 1) | 1; take(ln, b); MAY_END }
  do
#ifndef TAKEOVER  /* no limit ever moves */
  :: atomic { p + 1 < e -> ack(ln, p); p++; line_cursor[me] = (p << 1) | 1; take(ln, p); MAY_END }
#ifdef DONE_FIRST   /* mutation: T5 before the last item is acknowledged */
  :: atomic { p + 1 == e -> put_done(ln, b, e - b, me); leased[me] = false; MAY_END }
     atomic { ack(ln, p); line_cursor[me] = e << 1; MAY_END; goto idle }
#else
  :: atomic { p + 1 == e -> ack(ln, p); p++; line_cursor[me] = (p << 1) | 1; MAY_END }
     finish_batch();
     goto idle
#endif
#else
  :: true ->  /* a step: T4, then the limit (P5) */
#ifdef LIMIT_BEFORE_CURSOR   /* mutation of P5 */
     v = line_limit[me];
#endif
     atomic {
       ack(ln, p);
       p++;
#ifdef TSO
       FLUSH(me);
       buffered[me] = ((p << 1) | 1) + 1;
#else
       line_cursor[me] = (p << 1) | 1;
#endif
       MAY_END
     }
     atomic {
#ifndef LIMIT_BEFORE_CURSOR
       v = line_limit[me];
#endif
       if :: BELOW(p, v) -> take(ln, p); v = 0; goto next_step :: else fi
     }
     do  /* the cold path: resolve_limit */
     :: shrink_to(p);
        if :: TAG(v) == 0 -> break :: else fi;
        atomic {
          FLUSH(me);
          if
          :: line_limit[me] == v -> line_limit[me] = SETTLED(e, ln); MAY_END; break  /* T12 */
          :: else -> v = line_limit[me]
          fi
        }
     od;
     v = 0;
     if
     :: atomic { p < e -> take(ln, p) }
     :: p >= e -> finish_batch(); goto idle
     fi;
next_step: skip
#endif
  :: atomic { gives > 0 && p + 1 == e ->  /* acknowledged without a next one */
       gives--; ack(ln, p); FLUSH(me); line_cursor[me] = e << 1; MAY_END }
     finish_batch();
     goto idle
  :: atomic { gives > 0 -> gives--; let_go(ln, p) }
     seal(p);
     c = p;
     split(c);
     goto idle
#ifdef UNSTARTED
  :: atomic { gives > 0 && p + 1 < e -> gives-- }
     seal(p);  /* only what is not started: the item in hand stays */
     c = p;
     p = e;
     do
     :: p > c + 1 -> atomic { FLUSH(me); p--; put_orphan(ln, p); MAY_END }
     :: else -> break
     od;
     if
     :: e > c + 1 ->
        e = c + 1;
        atomic { FLUSH(me); stamp[SLOT(ln, b)] = STAMP(b, e - b, me, LEASED); MAY_END }
     :: else
     fi;
     atomic { line_limit[me] = SETTLED(e, ln); p = c; c = 0; MAY_END }
#endif
  od;

look:  /* behind others: from boundary to boundary (I5), at most to the claim c */
  do
  :: p >= c -> goto idle
  :: p < c ->
     w = stamp[SLOT(ln, p)];
     if
     :: LAP(w) > LAPOF(p) -> goto idle  /* overtaken: what we saw is history */
     :: LAP(w) < LAPOF(p) -> goto seize
     :: LAP(w) == LAPOF(p) && ST(w) == ORPHAN ->
        announce(ln, p, p + 1);
        atomic {  /* T8 */
          if
          :: stamp[SLOT(ln, p)] == w ->
             ANNOUNCED(ln, p, p + 1);
             stamp[SLOT(ln, p)] = STAMP(p, 0, me, HELD);
             b = p; e = p + 1; leased[me] = true;
             MAY_END;
             goto own
          :: else -> p++; w = 0
          fi
        }
     :: LAP(w) == LAPOF(p) && WIDE(w) ->
#ifdef TAKEOVER
        if
        :: ST(w) == LEASED && OWN(w) != me -> goto take_over
        :: true -> p = p + K(w); w = 0
        fi
#else
        p = p + K(w); w = 0
#endif
     :: LAP(w) == LAPOF(p) && ST(w) == HELD -> p++; w = 0
     fi
  od;

seize:
  w = 0;
#ifdef NO_SEIZING
  goto idle;
#endif
#ifdef STEP_OVER   /* mutation of I5: an unstamped position is stepped over */
  if :: p++; goto look :: true fi;
#endif
  announce(ln, p, p + 1);
  atomic {  /* T6 */
    stamp_unstamped(ln, p, STAMP(p, 1, me, LEASED), won);
    if
    :: won -> won = false; leased[me] = true; b = p; e = p + 1; ANNOUNCED(ln, p, e); MAY_END
    :: else -> goto idle
    fi
  }
  p++;
  do
  :: p < c -> atomic {  /* T7 */
       stamp_unstamped(ln, p, STAMP(p, 0, 0, ORPHAN), won);
       if :: won -> won = false; p++; MAY_END :: else -> break fi
     }
  :: else -> break
  od;
  goto own;

#ifdef TAKEOVER
#include "thief.pml"
#endif

killed:
  atomic {
    for (i : 0 .. LANES * ITEMS - 1) {
      if :: ghost[i] == me -> ghost[i] = UNDELIVERED :: else fi
    }
    FLUSH(me);
    life[me] = DEAD;
    leased[me] = false;
    p = 0; b = 0; e = 0; x = 0; c = 0; i = 0; o = 0; w = 0; v = 0; won = false; ln = 0
  }
end_killed:
  life[me] == FREE && !locked[me] -> goto start;

stop:
  atomic { stopped[me] = true; FLUSH(me) }
end_stopped:
  false
}
