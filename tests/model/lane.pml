/* Lanes: who has which item, whoever is killed or stopped, and wherever.
 *
 * What runs: producers that own the lane one after the other (T1, T16..T18, T7 of a stuck one), or
 * a lane that was filled before; consumers (consumer.pml: T2..T9, T19; thief.pml: T10..T13);
 * repairers (repairer.pml: T12..T14, T7, T21), which may be killed too and begin anew; stop()
 * (T32). Kills fall behind any store, stops for ever behind any of a consumer. Shown, as assertions of words.pml and of
 * the Monitor below:
 *   - an item is handed out only if it is in nobody's hands and not acknowledged: so twice only if
 *     who had it died or gave it back; and it is the item of that position (its slot was not used
 *     again);
 *   - a slot is used again, and a stamp is DONE, only when the item was acknowledged (I6);
 *   - stamps keep their lap and stay DONE (I2), an owner finds its own stamp (I1), what is given
 *     back or repaired is an item that nobody has (I3, I4);
 *   - when nobody can go on, all that was published is acknowledged and all dead are repaired.
 *     What a process that is stopped for ever may keep is KEEPS.
 *
 * Left out, and why that does no harm:
 *   - clocks: what the code does after 1 ms or 5 ms may happen at any time here, or never;
 *   - attention, sleep, the end of the stream: attention.pml, wake.pml, eos.pml. Here a consumer
 *     looks whenever there is something to find, and is blocked otherwise: so a lost item ends the
 *     run;
 *   - done_hint: a walk begins at the first position that is not DONE. A hint that lags makes it
 *     begin earlier, at stamps that are DONE for ever; a lane that was recycled meanwhile ends it
 *     alike;
 *   - payloads of several words, byte rings, explicit leases, parking, relays, counts of
 *     deliveries;
 *   - the lock of the dead (docs/liveness.md): to find somebody dead and to be its only repairer
 *     is one step. A dead producer's lane is free at once: nobody but the next owner reads the
 *     word;
 *   - memory orders, but for P5, where -DTSO gives owners a store buffer of one entry: a step has
 *     one store before its load, and every other access of an owner to shared words drains it.
 */
#include "words.pml"
#include "consumer.pml"
#include "repairer.pml"

#ifdef PRODUCERS
byte closes = PRODUCERS - 1;
#define P_MAY_END  if :: true :: kills > 0 -> kills--; goto killed fi

proctype Producer(byte me) {
  byte h, t;
end_outside:
  atomic { lane_owner[0] == 0 && tail[0] < ITEMS -> lane_owner[0] = me };  /* T17 */
  atomic { h = head[0]; t = tail[0] }
  do
  :: t == ITEMS -> break
  :: atomic { closes > 0 && t > 0 && t < ITEMS -> closes-- } break
  :: t < ITEMS && t - h < N ->
     atomic {  /* the slot is nobody's: writing it is one step with T1, which shows it (P1) */
       if :: t >= N -> assert(ghost[ITEM(0, t - N)] == ACKED) :: else fi;
#ifdef TAIL_FIRST   /* mutation */
       tail[0] = t + 1; P_MAY_END
     }
     atomic {
       slot[SLOT(0, t)] = t;
#else
       slot[SLOT(0, t)] = t;
       tail[0] = t + 1;
#endif
       t++; P_MAY_END
     }
  :: t < ITEMS && t - h == N ->
end_full:
     if
#ifdef HEAD_OVER_LEASES   /* mutation of T16 */
     :: atomic { claim[0] > h && LAP(stamp[SLOT(0, h)]) == LAPOF(h) ->
          do
          :: h < t && LAP(stamp[SLOT(0, h)]) == LAPOF(h) && WIDE(stamp[SLOT(0, h)]) ->
#else
     :: atomic { doneto[0] > h ->
          do
          :: h < t && LAP(stamp[SLOT(0, h)]) == LAPOF(h) && ST(stamp[SLOT(0, h)]) == DONE ->
#endif
             h = h + K(stamp[SLOT(0, h)])
          :: else -> break
          od;
          head[0] = h; P_MAY_END }  /* T16 */
#ifndef NO_SEIZING
     :: atomic { claim[0] > h && UNSTAMPED(stamp[SLOT(0, h)], h) ->
          stamp[SLOT(0, h)] = STAMP(h, 0, 0, ORPHAN); P_MAY_END }  /* T7 */
#endif
     fi
  od;
  atomic { lane_owner[0] = 0; h = 0; t = 0; goto end_outside }  /* T18 */
killed:  /* its repair: T18, T21; then another process has its endpoint */
  atomic { lane_owner[0] = 0; h = 0; t = 0; goto end_outside }
}
#endif

#ifdef TSO
proctype StoreBuffers() {
end_flush:
  do
  :: atomic { buffered[1] -> FLUSH(1) }
  :: atomic { buffered[2] -> FLUSH(2) }
#if CONSUMERS > 2
  :: atomic { buffered[3] -> FLUSH(3) }
#endif
  od
}
#endif

#ifdef NUDGES
proctype Nudger() {  /* T32 */
  short w;
  byte n = NUDGES;
  do
  :: n > 0 ->
     w = stamp[0];
     n--;
     atomic {
       if
       :: LAP(w) == 1 && ST(w) == LEASED &&
          line_limit[OWN(w)] == SETTLED(K(w), 0) -> line_limit[OWN(w)] = PENDING(1, NUDGE, 0)
       :: else
       fi;
       w = 0
     }
  :: n == 0 -> break
  od
}
#endif

/* What a process that never goes on may keep: the item at its cursor; all behind it if it was
 * stopped while it gave back, or under a nudge. */
#define KEEPS(c, l, p) (stopped[c] && \
  (ghost[ITEM(l, p)] == c || (leased[c] && line_lane[c] == l && \
   (p == line_cursor[c] >> 1 || (p > line_cursor[c] >> 1 && p < ENDOF(line_limit[c]) + 3 && \
     (TAG(line_limit[c]) == c || TAG(line_limit[c]) == NUDGE))))))

/* When nobody can go on: what was published is acknowledged, and all dead are repaired. */
proctype Monitor() {
  byte p, l;
end_watching:
  timeout ->
  for (l : 0 .. LANES - 1) {
    for (p : 0 .. ITEMS - 1) {
      if
#ifdef ROLES  /* who claims may be the one that is stopped */
      :: p < claim[l] ->
#else
      :: p < tail[l] ->
#endif
         assert(ghost[ITEM(l, p)] == ACKED || KEEPS(1, l, p) || KEEPS(2, l, p)
#if CONSUMERS > 2
                || KEEPS(3, l, p)
#endif
               )
      :: else
      fi
    }
  }
  assert(life[1] != DEAD && life[2] != DEAD)
#if STOPS == 0 && !defined(ROLES)
  assert(tail[0] == ITEMS)
#endif
}

init {
  atomic {
    byte n;
#ifdef PRODUCERS
    for (n : 1 .. PRODUCERS) { run Producer(n) }
#else
    for (n : 0 .. LANES * ITEMS - 1) { slot[(n / ITEMS) * N + (n % ITEMS)] = n % ITEMS }
    for (n : 0 .. LANES - 1) { tail[n] = ITEMS }
#if defined(ROLES) && LANES == 2
    tail[0] = ITEMS - 1;  /* so that batches in the two lanes have different lengths */
#endif
#endif
    for (n : 1 .. CONSUMERS) { run Consumer(n) }
#if KILLS > 0
    for (n : 1 .. REPAIRERS) { run Repairer() }
#endif
#ifdef TSO
    run StoreBuffers();
#endif
#ifdef NUDGES
    run Nudger();
#endif
    run Monitor()
  }
}
