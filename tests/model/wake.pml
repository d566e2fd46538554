/* No wake is lost: P6 and P7 with store buffers, W1..W3, bits, summary, futex words.
 *
 * A consumer's sleep and a waker are written as in lib/ring/wait.cpp, one waiter word per sleeper,
 * so that the summary matters. Stores of the side that only has a compiler barrier (tail of the
 * producer, DONE of a consumer) wait in a buffer of one entry until it drains by itself, its owner
 * does an RMW, or somebody's heavy fence drains everybody's. One entry is enough to lose a wake,
 * and what lies deeper in a buffer is drained with it. Every other access is an RMW or a seq_cst
 * access of this model.
 *
 * Sleeps are bounded in the code. Here a sleep ends by itself only after somebody died: so a wake
 * that is lost without a death is an error, and one that is lost with a death costs time only. A
 * consumer that is stopped with an item in hand (STOPS) is no death: the others must get the rest.
 *
 * With -DROOM the other direction: a producer that waits for one position to become DONE (W2, P7).
 */
#ifndef KILLS
#define KILLS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef LEAVES
#define LEAVES 0           /* consumers that may leave by a time-out */
#endif
#ifndef RESTS
#define RESTS 0            /* sleeps that end by themselves and go on under the same fence */
#endif
#ifndef PUTS
#define PUTS 2             /* stores of the tail */
#endif
#ifndef RUN
#define RUN 1              /* items under one of them */
#endif
byte tail, claim;
byte store;                /* the producer's buffer: a tail that is on its way, or 0 */
bool waits[2], summary[2];
byte futex[2];
bool asleep[2];
byte kills = KILLS, stops = STOPS, leaves = LEAVES, rests = RESTS;
bool death;
bool away[2];              /* ghost: left, killed, or stopped with an item in hand */
#define MAY_DIE  if :: true :: kills > 0 -> kills--; death = true; goto killed fi

/* Only an RMW of the processor that has the store in its buffer drains it, or a heavy fence. */
inline drain() { if :: store != 0 -> tail = store; store = 0 :: else fi }
#ifdef NO_FENCE            /* mutation */
#define HEAVY_FENCE  skip
#else
#define HEAVY_FENCE  drain()
#endif

/* T22 by the processor of the producer (mine) or another one; s is scratch. */
inline wake_one(mine) {
  do
  :: atomic {
       s = (summary[0] -> 0 : (summary[1] -> 1 : 2));
       if :: s == 2 -> s = 0; break :: else fi
     }
     if
     :: atomic { waits[s] -> if :: mine -> drain() :: else fi; waits[s] = false; MAY_DIE };
        atomic { futex[s] = (futex[s] + 1) % 4; MAY_DIE };
        atomic { asleep[s] = false; s = 0; MAY_DIE; break }
     :: !waits[s] ->
        atomic { if :: mine -> drain() :: else fi; summary[s] = false; MAY_DIE };
#ifndef SUMMARY_NOT_RESTORED   /* mutation */
        if
        :: waits[s] -> atomic { summary[s] = true; s = 0; MAY_DIE }
        :: else
        fi
#endif
     fi
  od
}

#ifndef ROOM
proctype Producer() {
  byte n, s;
  do
  :: n < PUTS ->
     atomic { drain(); n++; store = n * RUN; MAY_DIE };  /* T1 */
     wake_one(true)
  :: n == PUTS -> break
  od;
  atomic { drain() };
killed:
  atomic { drain(); n = 0; s = 0 }
}

proctype Consumer(byte me) {
  byte ticket, s;
  bool owed;
again:
  atomic { ticket = 0; s = 0 };
  if
  :: atomic { tail > claim -> claim++; owed = false; MAY_DIE };  /* takes an item */
#ifndef NO_CHAIN           /* mutation of W3 */
     if
     :: tail > claim -> wake_one(false)
     :: else
     fi;
#endif
     if
     :: true
     :: atomic { stops > 0 -> stops--; away[me] = true; goto stopped }
     fi;
     goto again
  :: tail == claim
  :: atomic { leaves > 0 -> leaves-- } goto leave
  fi;
#ifdef TICKET_LATE         /* mutation: the word is read after the look */
  skip;
#else
  ticket = futex[me];
#endif
#ifdef LOOK_BEFORE_BIT     /* mutation of W1 */
  if :: tail > claim -> goto again :: else fi;
#endif
  atomic { waits[me] = true; MAY_DIE };
  atomic { summary[me] = true; MAY_DIE };
  atomic { HEAVY_FENCE };
#ifndef LOOK_BEFORE_BIT
  if :: tail > claim -> goto awake :: else fi;
#endif
#ifdef TICKET_LATE
  ticket = futex[me];
#endif
  atomic { if :: futex[me] == ticket -> asleep[me] = true :: else -> goto awake fi };
end_sleep:
  if
  :: !asleep[me]
  :: atomic { death && tail > claim -> asleep[me] = false }       /* 40 ms */
  :: atomic { leaves > 0 -> asleep[me] = false; leaves--; goto timed_out }
  :: atomic { rests > 0 && asleep[me] -> asleep[me] = false; rests--; goto rested }
  fi;
awake:
  atomic { if :: !waits[me] -> owed = true :: else fi; waits[me] = false; MAY_DIE };
  goto again;
rested:
#ifdef BIT_WITHOUT_FENCE   /* mutation of W1 */
  atomic { if :: !waits[me] -> owed = true; waits[me] = true :: else fi; ticket = futex[me] };
  atomic { summary[me] = true; MAY_DIE };
#else
  if :: !waits[me] -> goto awake :: else fi;
#endif
  if :: tail > claim -> goto awake :: else fi;
  atomic { if :: futex[me] == ticket -> asleep[me] = true :: else -> goto awake fi };
  goto end_sleep;
timed_out:
  atomic { if :: !waits[me] -> owed = true :: else fi; waits[me] = false; MAY_DIE };
leave:
#ifndef NO_PASSING_ON      /* mutation of W3 */
  if :: owed && tail > claim -> wake_one(false) :: else fi;
#endif
  goto gone;
killed:
  waits[me] = false;  /* by its repair */
  goto gone;
stopped:
end_stopped:
  false;
gone:
  atomic { away[me] = true; owed = false; s = 0; ticket = 0 }
}

proctype Monitor() {
end_watching:
  timeout ->
  assert(store == 0);
  assert(claim == tail || (away[0] && away[1]))
}

proctype Processor() {     /* the buffer drains by itself, some time */
end_drain:
  do
  :: atomic { store != 0 -> drain() }
  od
}

init { atomic { run Producer(); run Consumer(0); run Consumer(1); run Processor(); run Monitor() } }
#else
#include "room.pml"
#endif
