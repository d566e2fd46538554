/* Is the stream over, and was it whole? Registration against close, scan, deaths and repair.
 *
 * Two producer processes over two endpoints and two lanes: they register (T19), put, move to
 * another endpoint while the first is LIVE (dup), close, die. Consumers take items, and ask for
 * the end word by word as lib/ring/end_of_stream.cpp does; they may die with an item. Anybody
 * closes the queue.
 *
 * Left out: a lane is three counts, published (tail), claimed, done: the question asks for DONE
 * and nothing else, which is for ever (I6). Sequentially consistent, since T19..T21, T28 and the
 * scan are seq_cst (P8) and owner 0 comes with the last tail (P9). `endpoints_used` is constant:
 * it grows before LIVE, so a scan that does not reach a line is one that reads it FREE. A stop is
 * a process that is not scheduled: what it holds, a registration or an item, holds up the end, as
 * it should.
 *
 * Shown: nobody concludes the end with an item left, in a queue or in hands, or a producer to
 * come; a death is known to all who conclude (T27 before T21); everybody terminates (also -DNP).
 */
#ifndef KILLS
#define KILLS 1
#endif
#ifndef REPAIR_KILLS
#define REPAIR_KILLS 1
#endif
#ifndef ITEMS
#define ITEMS 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 1
#endif
#define REPAIRER 7

byte life[2];              /* the word: 0 FREE, 1 LIVE */
byte holder[2];            /* whose process has the byte; 0: nobody. LIVE without holder: dead */
byte owner[2];             /* of a lane: endpoint + 1 */
byte tail[2], claimed[2], done[2];
bool closed, failure;
byte epoch;
byte left = ITEMS, dups = 1, kills = KILLS, repair_kills = REPAIR_KILLS;
bool let_in[2];            /* ghost: the registration found the queue open */
bool died;                 /* ghost: a producer that was let in died */
bool over;                 /* ghost: a consumer has said that it is the end */
byte in_hand[2];           /* dead consumers' items, by lane: their repair gives them back */

#define MAY_END  if :: true :: kills > 0 -> kills--; goto killed fi
#define MAY_DIE  if :: true :: repair_kills > 0 -> repair_kills--; goto dead fi

/* T19 at endpoint `to`; then closed is looked at, then the epoch moves (P8). dup() may register
 * also when the queue is closed, since its source is LIVE meanwhile. */
inline attach(to, even_closed) {
  registered = false;
  atomic {
    holder[to] = me;
    if :: closed && !even_closed -> holder[to] = 0 :: else -> registered = true fi
  };
  if
  :: registered ->
     atomic { life[to] = 1; let_in[to] = false; MAY_END };
#ifndef NO_LOOK_BEHIND_LIVE   /* mutation */
     atomic {
       if
       :: closed && !even_closed -> life[to] = 0; holder[to] = 0; registered = false
       :: else -> let_in[to] = true; MAY_END
       fi
     };
#else
     let_in[to] = true;
#endif
#ifndef NO_EPOCH              /* mutation */
     atomic { if :: registered -> epoch++; MAY_END :: else fi }
#endif
  :: else
  fi
}

proctype Producer(byte me; byte own) {
  byte lane;
  bool registered;
  if
  :: atomic { life[own] == 1 && holder[own] == me }  /* it is there from the beginning */
  :: atomic { life[own] == 0 && holder[own] == 0 -> holder[own] = me }
     attach(own, false);
     if :: registered :: else -> goto out fi
  fi;
  if  /* T17: any lane without an owner */
  :: atomic { owner[0] == 0 -> owner[0] = own + 1; lane = 0; MAY_END }
  :: atomic { owner[1] == 0 -> owner[1] = own + 1; lane = 1; MAY_END }
  fi;
  do
  :: atomic { left > 0 -> left--; assert(!over); tail[lane] = tail[lane] + 1; MAY_END }  /* T1 */
  :: atomic { dups > 0 && life[1 - own] == 0 && holder[1 - own] == 0 ->
       dups--; holder[1 - own] = me }
     attach(1 - own, true);
     if :: registered :: else -> goto stay fi;
     atomic { owner[lane] = 0; MAY_END };
     atomic { life[own] = 0; holder[own] = 0; let_in[own] = false; own = 1 - own };
     if
     :: atomic { owner[0] == 0 -> owner[0] = own + 1; lane = 0; MAY_END }
     :: atomic { owner[1] == 0 -> owner[1] = own + 1; lane = 1; MAY_END }
     fi;
stay: skip
  :: break
  od;
  atomic { owner[lane] = 0; MAY_END };    /* T18 */
  atomic { life[own] = 0; MAY_END };      /* T20 */
#ifdef PUT_BEHIND_LEAVING     /* mutation */
  atomic { if :: left > 0 -> left--; assert(!over); tail[lane] = tail[lane] + 1 :: else fi };
#endif
  atomic { holder[own] = 0; let_in[own] = false }
out:
  goto end;
killed:
  atomic {  /* the kernel lets go of all its bytes */
    if :: holder[0] == me && life[0] == 1 && let_in[0] -> died = true :: else fi;
    if :: holder[1] == me && life[1] == 1 && let_in[1] -> died = true :: else fi;
    if :: holder[0] == me -> holder[0] = 0 :: else fi;
    if :: holder[1] == me -> holder[1] = 0 :: else fi
  }
end:
  atomic { lane = 0; own = 0; registered = false }
}

proctype Consumer() {
  byte e, l, t;
again:
  do
  :: atomic { tail[0] > claimed[0] -> claimed[0] = claimed[0] + 1; l = 0 }
     goto take
  :: atomic { tail[0] == claimed[0] && tail[1] > claimed[1] -> claimed[1] = claimed[1] + 1; l = 1 }
     goto take
  :: atomic { tail[0] == claimed[0] && tail[1] == claimed[1] && closed -> break }
  od;
#ifdef ITEMS_FIRST            /* mutation: what is queued is looked at before who is there */
  if :: tail[0] != done[0] || tail[1] != done[1] -> goto again :: else fi;
#endif
  e = epoch;
  if :: life[0] == 1 -> goto again :: else fi;
  if :: life[1] == 1 -> goto again :: else fi;
#ifndef NO_EPOCH
  if :: epoch != e -> goto again :: else fi;
#endif
#ifndef ITEMS_FIRST
  l = 0;
  do
  :: l < 2 ->
     if :: owner[l] != 0 -> goto again :: else fi;
     t = tail[l];
#ifdef LEASES_DO_NOT_COUNT    /* mutation: what is claimed counts as done */
     if :: claimed[l] != t -> goto again :: else fi;
#else
     if :: done[l] != t -> goto again :: else fi;
#endif
     l++
  :: l == 2 -> break
  od;
#endif
  atomic {
    over = true;
    assert(done[0] == tail[0] && done[1] == tail[1]);
    assert(owner[0] == 0 && owner[1] == 0);
    assert(failure || !died);
    e = 0; l = 0; t = 0
  }
  goto end;
take:  /* acknowledged (DONE), or dead with it */
  atomic {
    if
    :: done[l] = done[l] + 1
    :: kills > 0 -> kills--; in_hand[l] = in_hand[l] + 1; e = 0; l = 0; t = 0; goto end
    fi;
    l = 0; e = 0; t = 0;
    goto again
  }
end: skip
}

proctype Closer() { closed = true }  /* T28 */

proctype Repairer() {
  byte d, i;
end_idle:
  do
  :: atomic { life[0] == 1 && holder[0] == 0 -> holder[0] = REPAIRER; d = 0 } goto found
  :: atomic { life[1] == 1 && holder[1] == 0 -> holder[1] = REPAIRER; d = 1 } goto found
  /* T14: what a dead consumer had in hand */
  :: atomic { in_hand[0] > 0 -> in_hand[0] = in_hand[0] - 1; claimed[0] = claimed[0] - 1 }
  :: atomic { in_hand[1] > 0 -> in_hand[1] = in_hand[1] - 1; claimed[1] = claimed[1] - 1 }
  od;
found:
#ifdef FREE_BEFORE_FAILURE    /* mutation: T21 before T27 */
  life[d] = 0;
#endif
  atomic { failure = true; MAY_DIE };  /* T27 */
#ifdef LANE_KEPT              /* mutation: no T18 */
  i = 2;
#else
  i = 0;
#endif
  do
  :: i < 2 -> atomic { if :: owner[i] == d + 1 -> owner[i] = 0; MAY_DIE :: else fi; i++ }  /* T18 */
  :: i == 2 -> break
  od;
  atomic { life[d] = 0; let_in[d] = false; MAY_DIE };  /* T21 */
dead:
  atomic { holder[d] = 0; d = 0; i = 0 };
  goto end_idle
}

init {
  atomic {
    byte n;
    life[1] = 1; holder[1] = 1; let_in[1] = true;
    run Producer(1, 1);
    run Producer(2, 0);
    for (n : 1 .. CONSUMERS) { run Consumer() }
    run Closer();
    run Repairer()
  }
}
