/* The words of lanes and endpoints, and what a lane's items really went through.
 *
 * Stamps and limits have the formats of docs/protocol.md with fewer bits, so that a CAS of the
 * model compares what the CAS of the code compares, ABA included. One hardware step is one atomic
 * or d_step; a load is merged with the CAS or store behind it only where a comment says why.
 *
 * Ghosts (nobody's decision depends on them, or they follow from the words): `ghost` says what
 * really happened to an item, `doneto` is the first position of a lane that is not DONE.
 */
#ifndef N
#define N 4       /* slots per lane */
#endif
#ifndef LANES
#define LANES 1
#endif
#ifndef ITEMS
#define ITEMS 4   /* positions per lane that the run may publish */
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef BATCH
#define BATCH N
#endif
#ifndef KILLS
#define KILLS 1   /* of consumers and producers */
#endif
#ifndef REPAIR_KILLS
#define REPAIR_KILLS 0
#endif
#ifndef STOPS
#define STOPS 0   /* for ever: a finite stop is an interleaving like any other */
#endif
#ifndef GIVES
#define GIVES 1   /* how often somebody gives back, or acknowledges without a next one */
#endif
#define SLOT(l, p)   ((l) * N + (p) % N)
#define ITEM(l, p)   ((l) * ITEMS + (p))
#define LAPOF(p)     ((p) / N + 1)
#define NOLANE       7

/* lap | k:3 | owner:3 | state:3 */
#define LEASED 1
#define HELD   2
#define ORPHAN 3
#define DONE   4
#define STAMP(p, k, o, s)  ((LAPOF(p) << 9) | ((k) << 6) | ((o) << 3) | (s))
#define LAP(w)  ((w) >> 9)
#define K(w)    (((w) >> 6) & 7)
#define OWN(w)  (((w) >> 3) & 7)
#define ST(w)   ((w) & 7)
#define WIDE(w) (ST(w) == LEASED || ST(w) == DONE)
#ifdef NO_LAP          /* mutation: any DONE or empty word counts as unstamped (I2) */
#define UNSTAMPED(w, p)  (ST(w) == 0 || ST(w) == DONE)
#else
#define UNSTAMPED(w, p)  (LAP(w) < LAPOF(p))
#endif

/* position << 4 minus lane:1 and tag:3, as iq/detail/limit.hpp has it */
#ifdef LANE_NOT_IN_LIMIT   /* mutation */
#define SETTLED(m, l)    ((m) << 4)
#else
#define SETTLED(m, l)    (((m) << 4) - ((l) << 3))
#endif
#define PENDING(m, t, l) (SETTLED(m, l) - (t))
#define TAG(v)           ((0 - (v)) & 7)
#define ENDOF(v)         (((v) + ((0 - (v)) & 15)) >> 4)
#define BELOW(p, v)      (((p) << 4) < (v))
#define NUDGE 7

short stamp[LANES * N];
byte slot[LANES * N];            /* the payload: its own position */
byte claim[LANES], tail[LANES], head[LANES], lane_owner[LANES];

#define FREE 0
#define LIVE 1
#define DEAD 2                   /* LIVE in the word, and nobody holds its byte */
#define E (CONSUMERS + 1)        /* endpoint c has the tag c; 0 is nobody */
byte life[E];
bool locked[E];                  /* a repairer has both bytes */
byte line_lane[E], line_cursor[E];  /* cursor: position << 1 | in_hand */
short line_limit[E];
#ifdef TSO
byte buffered[E];                /* a cursor store that only its owner can see yet, + 1 */
#endif

#define UNDELIVERED 0            /* 1..CONSUMERS: in that one's hands */
#define ACKED 15
byte ghost[LANES * ITEMS];
byte doneto[LANES];
bool stopped[E];
bool leased[E];                  /* c won a stamp that it has not ended */
byte kills = KILLS, repair_kills = REPAIR_KILLS, stops = STOPS, gives = GIVES;

/* Kills and stops fall behind a store. Later ones, between loads, add nothing: what others see is
 * the same, and who acts on the death may be late. */
#define MAY_END  if :: true :: kills > 0 -> kills--; goto killed \
                    :: stops > 0 -> stops--; goto stop fi

inline take(l, p) {
  assert(ghost[ITEM(l, p)] == UNDELIVERED);  /* not in hands, not acknowledged */
  assert(slot[SLOT(l, p)] == p);             /* P1, P3: the payload is that item's */
  ghost[ITEM(l, p)] = me
}
inline ack(l, p) {
  assert(ghost[ITEM(l, p)] == me);
  ghost[ITEM(l, p)] = ACKED
}
inline let_go(l, p) {
  assert(ghost[ITEM(l, p)] == me);
  ghost[ITEM(l, p)] = UNDELIVERED
}

/* Stores to a stamp: I2 and I4 as assertions. `i` is a scratch local of the caller. */
inline put_done(l, p, k, o) {
  d_step {
    assert(LAP(stamp[SLOT(l, p)]) <= LAPOF(p));
    assert(LAP(stamp[SLOT(l, p)]) < LAPOF(p) || ST(stamp[SLOT(l, p)]) != DONE);
    for (i : p .. p + (k) - 1) { assert(ghost[ITEM(l, i)] == ACKED) }
    stamp[SLOT(l, p)] = STAMP(p, k, o, DONE);
    do
    :: doneto[l] < tail[l] && LAP(stamp[SLOT(l, doneto[l])]) == LAPOF(doneto[l]) &&
       ST(stamp[SLOT(l, doneto[l])]) == DONE ->
       doneto[l] = doneto[l] + K(stamp[SLOT(l, doneto[l])])
    :: else -> break
    od;
    i = 0
  }
}
inline put_orphan(l, p) {
  d_step {
    assert(LAP(stamp[SLOT(l, p)]) <= LAPOF(p));
    assert(LAP(stamp[SLOT(l, p)]) < LAPOF(p) || ST(stamp[SLOT(l, p)]) != DONE);
    assert(ghost[ITEM(l, p)] == UNDELIVERED);
    stamp[SLOT(l, p)] = STAMP(p, 0, 0, ORPHAN)
  }
}
/* A CAS on an unstamped word; the load before it is merged: the word of an older lap below claim
 * cannot change in between but by being stamped (I2), and then the CAS fails in both forms. */
inline stamp_unstamped(l, p, w, won) {
  d_step {
    if
    :: UNSTAMPED(stamp[SLOT(l, p)], p) -> stamp[SLOT(l, p)] = w; won = true
    :: else -> won = false
    fi
  }
}

/* Whether a look behind others can find anything in lane l: only then it is worth a run. A look
 * that begins where there is nothing is like one that begins later. */
#define AT(l, i)     ((LAP(stamp[(l) * N + i]) - 1) * N + i)
#define IN(l, i)     (AT(l, i) >= doneto[l] && AT(l, i) < claim[l])
#define COVERED(l, i) (IN(l, i) -> (WIDE(stamp[(l) * N + i]) -> K(stamp[(l) * N + i]) : 1) : 0)
#define LOOSE(l, i)  (IN(l, i) && ST(stamp[(l) * N + i]) == ORPHAN)
#ifdef TAKEOVER
#define WHO(l, i)    (OWN(stamp[(l) * N + i]))
#define LAST(l, i)   (AT(l, i) + K(stamp[(l) * N + i]))
#define OPEN(l, i)   (IN(l, i) && ST(stamp[(l) * N + i]) == LEASED && WHO(l, i) != me && \
  line_lane[WHO(l, i)] == l && (line_cursor[WHO(l, i)] >> 1) >= AT(l, i) && \
  (line_cursor[WHO(l, i)] >> 1) + 1 < LAST(l, i) && TAG(line_limit[WHO(l, i)]) != WHO(l, i) && \
  TAG(line_limit[WHO(l, i)]) != NUDGE)
#else
#define OPEN(l, i)   false
#endif
#if N == 2
#define SUM(l)    (COVERED(l, 0) + COVERED(l, 1))
#define ANY(l)    (LOOSE(l, 0) || LOOSE(l, 1) || OPEN(l, 0) || OPEN(l, 1))
#elif N == 3
#define SUM(l)    (COVERED(l, 0) + COVERED(l, 1) + COVERED(l, 2))
#define ANY(l)    (LOOSE(l, 0) || LOOSE(l, 1) || LOOSE(l, 2) || \
                   OPEN(l, 0) || OPEN(l, 1) || OPEN(l, 2))
#else
#define SUM(l)    (COVERED(l, 0) + COVERED(l, 1) + COVERED(l, 2) + COVERED(l, 3))
#define ANY(l)    (LOOSE(l, 0) || LOOSE(l, 1) || LOOSE(l, 2) || LOOSE(l, 3) || \
                   OPEN(l, 0) || OPEN(l, 1) || OPEN(l, 2) || OPEN(l, 3))
#endif
#ifdef NO_SEIZING   /* mutation: what a claimer has not stamped waits for it */
#define SOMETHING_BEHIND(l)  (doneto[l] < claim[l] && (ANY(l)))
#else
#define SOMETHING_BEHIND(l)  (doneto[l] < claim[l] && (ANY(l) || SUM(l) < claim[l] - doneto[l]))
#endif
