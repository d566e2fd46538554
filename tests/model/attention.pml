/* No orphan is overlooked: attention of lanes and queue (T24, P11).
 *
 * Two lanes, two makers of orphans, two consumers that look as take_any_orphan() does: the queue's
 * word, each lane's word, the lane, then `seen` by CAS of the whole word. Orphans are a bit per
 * lane; a lane is looked at in one step, which is the last moment at which its walk may miss an
 * orphan. A maker that is killed before it raised is repaired: its repairer raises again, whatever
 * was done.
 */
#ifndef ORPHANS
#define ORPHANS 3
#endif
#ifndef KILLS
#define KILLS 1
#endif
byte orphans[2];
byte raised[3], seen[3];   /* lanes 0 and 1; 2 is the queue's */
byte to_make = ORPHANS, taken, made, kills = KILLS;

proctype Maker() {
  byte l;
more:
  do
  :: atomic { to_make > 0 -> to_make--; made++; l = 0; orphans[0]++ } goto raise
  :: atomic { to_make > 0 -> to_make--; made++; l = 1; orphans[1]++ } goto raise
  :: to_make == 0 -> break
  od;
  goto out;
raise:
  atomic { if :: true :: kills > 0 -> kills--; goto raise fi };  /* its repairer begins here */
#ifdef QUEUE_FIRST         /* mutation: the queue's word before the lane's */
  raised[2]++;
  raised[l]++;
#else
  raised[l]++;
  atomic { if :: true :: kills > 0 -> kills--; goto raise fi };
  raised[2]++;
#endif
  goto more;
out: skip
}

#define SEEN(x, r, s)  atomic { if :: raised[x] == r && seen[x] == s -> seen[x] = r \
                                   :: else -> clean = false fi }
inline look_at(x) {
  atomic { r = raised[x]; s = seen[x] };
  if
  :: r != s ->
     atomic { if :: orphans[x] > 0 -> orphans[x]--; taken++; found = true :: else fi };
#ifdef SEEN_BLINDLY        /* mutation: seen is set to what is raised by now */
     if :: !found -> atomic { seen[x] = raised[x] } :: else fi
#else
     if :: !found -> SEEN(x, r, s) :: else fi
#endif
  :: else
  fi
}

proctype Consumer() {
  byte r, s, qr, qs;
  bool found, clean;
end_idle:
  do
  :: atomic { raised[2] != seen[2] -> qr = raised[2]; qs = seen[2]; clean = true; found = false }
     look_at(0);
     if :: !found -> look_at(1) :: else fi;
     if
     :: !found && clean -> atomic {
#ifdef SEEN_BLINDLY
          seen[2] = raised[2]
#else
          if :: raised[2] == qr && seen[2] == qs -> seen[2] = qr :: else fi
#endif
        }
     :: else
     fi;
     atomic { r = 0; s = 0; qr = 0; qs = 0; found = false; clean = false }
  od
}

proctype Monitor() {
end_watching:
  timeout -> assert(taken == made && made == ORPHANS)
}

init { atomic { run Maker(); run Maker(); run Consumer(); run Consumer(); run Monitor() } }
