"""The mutants: one small weakening of the library each, and the case that has to fail with it.

`old` stands exactly once in `file`; the label is that of docs/protocol.md (or the page's name). A
change of the library that touches one of these places changes the record too: run.py --check.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A weakening, and its proof."""
    id: str
    label: str
    breaks: str
    file: str
    old: str
    new: str
    test: str  # tests/<test>.cpp
    case: str


MUTANTS = [
    Mutant('lap-ignored', 'I2', 'an old lap\'s stamp counts as one of this lap',
           'lib/ring/walk.hpp',
           'return age < 0 || (age == 0 && !known);',
           'return age <= 0 && !known;',
           'ring/walk', 'walk: never steps over an unstamped position, of no lap or of an older one'),
    Mutant('room-lap-ignored', 'T16', 'DONE of an older lap frees a slot',
           'lib/ring/room.cpp',
           'if (compare_lap(word, lane_.lap(head_)) != 0 || stamp.state != StampState::done) break;',
           'if (stamp.state != StampState::done) break;',
           'queue/payloads', 'capacity: 1 and 3 hold exactly that many, whatever the slots are '
           'rounded up to'),
    Mutant('publish-first', 'T1', 'the tail is stored before the item',
           'include/iq/producer.hpp',
           '      std::memcpy(core.next_slot(), &item, sizeof(T));\n    } else {',
           '      std::byte* slot = core.next_slot();\n      core.publish(1);\n'
           '      std::memcpy(slot, &item, sizeof(T));\n      return Status::ok;\n    } else {',
           'faults/kill_points', 'Kill points: the same with items stored in place'),
    Mutant('epoch-ignored', 'P8', 'a scan that finds nobody is believed though somebody came',
           'lib/shm/attachment.cpp',
           'if (!epoch || epoch->load(std::memory_order_seq_cst) == before) return false;',
           'if (!epoch || before == before) return false;',
           'faults/registration', 'Registration: a consumer that comes behind a scan of the others '
           'is not overlooked'),
    Mutant('closed-before-live', 'T19', 'a producer looks at closed before it is LIVE, not after',
           'lib/shm/attachment.cpp',
           'if (life.role == Role::producer && !even_closed && is_marked_closed(segment)) {',
           'if (life.role == Role::producer && !even_closed && index >= kMaxEndpoints) {',
           'faults/registration', 'Registration: stopped before it is LIVE, the stream ends without '
           'it, it is refused'),
    Mutant('magic-unchecked', 'layout', 'any file may begin as a queue',
           'lib/shm/segment.cpp',
           '!read_at(fd, 0, &header, sizeof header) || header.magic != kMagic) {',
           '!read_at(fd, 0, &header, sizeof header)) {',
           'queue/errors', 'Corrupt: a foreign file under the name is refused and left as it is'),
    Mutant('fork-unguarded', 'liveness', 'fork() does not wait for the guard',
           'lib/sys/fork_guard.cpp',
           '::pthread_atfork(before_fork, after_fork, after_fork_in_child);',
           '::pthread_atfork(nullptr, nullptr, nullptr);',
           'sys/fork_guard', 'ForkGuard: fork() waits for it, and the child can take it at once'),
    Mutant('wake-kept', 'W3', 'who was woken and takes nothing keeps the wake',
           'lib/ring/hunger.cpp',
           'if (wake_owed_ && visible_work()) wake_one_consumer(segment());',
           'static_cast<void>(wake_owed_ && visible_work());',
           'ring/wakes', 'wake: who was chosen and leaves without an item passes the wake on, once'),
    Mutant('in-hand-unmarked', 'T4', 'the cursor does not say that an item is in hand',
           'lib/ring/consumer_ring.cpp',
           'line_->cursor.store(kInHand | begin_, std::memory_order_release);  // T4',
           'line_->cursor.store(begin_, std::memory_order_release);',
           'faults/deaths', 'Consumer: killed with an item in hand, that one comes again once and '
           'counts it'),
    Mutant('steal-stamp-unread', 'T11', 'a thief does not look at the stamp again',
           'lib/ring/take_over.cpp',
           'if (!fenced || !here || !same || at - begin >= from - begin) {',
           'if (!fenced || !here || (same, at - begin >= from - begin)) {',
           'ring/meetings', 'steal: a batch that is finished is left alone, whatever its owner '
           'announces just now'),
    Mutant('unmarked-early', 'T37', 'a dead relay\'s lane is unmarked before its leases are decided',
           'lib/ring/repair.cpp',
           '    bool complete = true;\n',
           '    bool complete = true;\n    record_.release_lane();\n',
           'faults/relay', 'Relay: killed right behind its commit, the input is not seen again'),
    Mutant('nudge-missing', 'T32', 'stop() does not make consumers look up from their batches',
           'lib/queue/shared_queue.cpp',
           '  nudge_consumers(segment);\n', '',
           'faults/meetings_stop', 'Stop: a consumer in the middle of its batch is told at its next '
           'step'),
    Mutant('stop-unseen', 'P12', 'a new batch is not followed by a look at the flags',
           'lib/ring/hunger.cpp',
           'if ((segment().control().flags.load(std::memory_order_seq_cst) & kStopped) == 0) {',
           'if (segment().control().lanes_used.load(std::memory_order_seq_cst) != 0) {',
           'faults/meetings_stop', 'Stop: a claim that it meets at any step hands out nothing'),
    Mutant('need-fence-ignored', 'T25', 'a batch is taken over where fences are refused',
           'lib/ring/take_over.cpp',
           'if ((segment().control().flags.load(std::memory_order_relaxed) & kNeedFence) != 0) '
           'return false;', '',
           'ring/need_fence', 'need_fence: nobody takes over a batch, its owner keeps all of it'),
    Mutant('fence-unasked', 'P5', 'a thief goes on although its heavy fence was refused',
           'lib/ring/take_over.cpp',
           'const bool fenced = heavy_fence();  // P5',
           'const bool fenced = heavy_fence() || true;',
           'faults/meetings', 'Meeting: a thief that lost the heavy fence takes nothing over, and '
           'says that it lost it'),
    Mutant('confirm-stored', 'T11', 'the thief\'s second CAS is a store',
           'lib/ring/take_over.cpp',
           '  if (!line.limit.compare_exchange_strong(wanted, settled_limit(from, lane.index),\n'
           '                                          std::memory_order_acq_rel)) {  // T11\n'
           '    return false;\n  }\n',
           '  line.limit.store(settled_limit(from, lane.index), std::memory_order_release);\n',
           'faults/meetings', 'Meeting: a thief between word and deed is replaced, and takes nothing '
           'when it goes on'),
    Mutant('pending-believed', 'I3', 'an owner believes the end that a stranger\'s pending word has',
           'lib/ring/consumer_ring.cpp',
           'if (limit_tag(word) != 0 && limit_tag(word) != tag() && end_ - begin_ > 1) {',
           'if (limit_tag(word) != 0 && limit_tag(word) != tag() && end_ - begin_ > kMaxBatch) {',
           'faults/meetings', 'Meeting: an owner that meets a second thief keeps off what the first '
           'one has'),
    Mutant('shrink-unfinished', 'T13', 'nobody shrinks the stamp for a thief that was killed',
           'lib/ring/take_over.cpp',
           'if (told && limit_at - begin - 1 < std::uint64_t{lease.items} - 1) {',
           'if (told && limit_at - begin - 1 < std::uint64_t{lease.items} - 1 && now == 0) {',
           'ring/meetings', 'take-over: what a stopped thief has confirmed is not hidden by its '
           'owner\'s seal'),
    Mutant('death-unnoted', 'T27', 'a killed producer is no failure of the stream',
           'lib/ring/repair.cpp',
           'if (!is_succeeded(segment, endpoint)) record_failure(segment, kFailureDied, pid, '
           'nullptr, 0);',
           'if (!is_succeeded(segment, endpoint) && pid == 0) '
           'record_failure(segment, kFailureDied, pid, nullptr, 0);',
           'faults/deaths', 'End: all producers killed, sleeping consumers drain what is there and '
           'are told'),
    Mutant('limit-unsealed-by-repair', 'T12', 'repair leaves the limit of the dead open to thieves',
           'lib/ring/repair.cpp',
           'pending_limit(end, dead_, lane.index),',
           'settled_limit(end, lane.index),',
           'faults/meetings', 'Meeting: nobody takes over a batch that is being repaired'),
    Mutant('pin-inherited', 'liveness', 'a child inherits the pin, and with it the lock',
           'lib/sys/pinned_lock.cpp',
           'if (::madvise(pin, kPinBytes, MADV_DONTFORK) != 0) {',
           'if (::madvise(pin, kPinBytes, MADV_NORMAL) != 0) {',
           'sys/liveness', 'PinnedLock: a child that outlives its parent does not hold the parent\'s '
           'byte'),
    Mutant('token-twice', 'T41', 'a token may be used again',
           'lib/shm/attachment.cpp',
           'waits, 0, std::memory_order_acq_rel);  // T41',
           'waits, waits, std::memory_order_acq_rel);',
           'shm/attachment', 'attachment: a token is used once; what nobody came for is told from '
           'what was closed'),
    Mutant('step-unmarked', 'T4', 'a loop\'s step does not say that the next item is in hand',
           'include/iq/detail/consumer_core.hpp',
           'line_->cursor.store(kInHand | position, std::memory_order_release);',
           'line_->cursor.store(position, std::memory_order_release);',
           'faults/deaths', 'Consumer: killed with an item in hand, that one comes again once and '
           'counts it'),
    Mutant('limit-lane-dropped', 'T10', 'limits of batches in two lanes read alike',
           'include/iq/detail/limit.hpp',
           'return (end << kLimitShift) - (std::uint64_t{lane} << kLimitTagBits);',
           'return (end << kLimitShift) - (std::uint64_t{lane * 0} << kLimitTagBits);',
           'ring/meetings', 'steal: a thief that was late for one lane does not touch the theft in '
           'another'),
]
