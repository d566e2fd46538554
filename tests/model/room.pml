/* Part of wake.pml: a producer with two slots waits for room (W2, T16, T23); two consumers. */
#define ITEMS 4
#define SLOTS 2
bool done[ITEMS];          /* the stamps: DONE, for ever in their lap */
byte buffer[2];            /* position + 1 of a DONE that is on its way */
byte room_wait;
bool waiting;
byte word;
inline drain_of(c) { if :: buffer[c] != 0 -> done[buffer[c] - 1] = true; buffer[c] = 0 :: else fi }
#ifdef NO_FENCE
#define FENCE_ALL  skip
#else
#define FENCE_ALL  drain_of(0); drain_of(1)
#endif

proctype Producer() {
  byte h, t, ticket;
put:
  if
  :: atomic { t == ITEMS -> goto out }
  :: atomic { t < ITEMS && t - h < SLOTS -> t++; tail = t } goto put
  :: t < ITEMS && t - h == SLOTS
  fi;
  do  /* as refresh_room(), stamp by stamp */
  :: atomic { h < t && done[h] -> h++ }
  :: atomic { h == t || !done[h] -> break }
  od;
  if :: t - h < SLOTS -> goto put :: else fi;
  ticket = word;
#ifdef LOOK_BEFORE_ANNOUNCE   /* mutation of W2 */
  if :: done[h] -> goto put :: else fi;
#endif
  room_wait = h + 1;
  atomic { FENCE_ALL };
#ifndef LOOK_BEFORE_ANNOUNCE
  if :: done[h] -> goto awake :: else fi;
#endif
  atomic { if :: word == ticket -> waiting = true :: else -> goto awake fi };
end_waiting:
  if
  :: !waiting
  :: atomic { death && done[h] -> waiting = false }  /* 40 ms */
  fi;
awake:
  atomic { room_wait = 0; ticket = 0; goto put };
out:
  atomic { h = 0; t = 0; ticket = 0 }
}

proctype Consumer(byte me) {
  byte p, r;
end_idle:
  do
  :: atomic { tail > claim -> p = claim; claim++ };
#ifdef LOOK_BEFORE_DONE       /* mutation: room_wait is read before T5 */
     r = room_wait;
     atomic { drain_of(me); buffer[me] = p + 1; MAY_DIE };
#else
     atomic { drain_of(me); buffer[me] = p + 1; MAY_DIE };  /* T5 */
     r = room_wait;           /* P7: only a compiler barrier before it */
#endif
     if
     :: r == p + 1 ->
        atomic { drain_of(me); if :: room_wait == r -> room_wait = 0; MAY_DIE :: else -> r = 0 fi };
        if
        :: r != 0 ->
           atomic { word = (word + 1) % 4; MAY_DIE };
           atomic { waiting = false; MAY_DIE }
        :: else
        fi
     :: else
     fi;
     atomic { p = 0; r = 0 }
  od;
killed:  /* a process that is dead has executed what came before */
  atomic { drain_of(me); p = 0; r = 0 }
}

proctype Monitor() {
end_watching:
  timeout -> assert(tail == ITEMS && claim == tail)
}

proctype Processors() {
end_drain:
  do
  :: atomic { buffer[0] != 0 -> drain_of(0) }
  :: atomic { buffer[1] != 0 -> drain_of(1) }
  od
}

init {
  atomic { run Producer(); run Consumer(0); run Consumer(1); run Processors(); run Monitor() }
}
