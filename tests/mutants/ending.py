"""Mutants of sleeping, ending, dying and being repaired: of who is there, and until when."""
from mutant import Mutant

MUTANTS = [
    Mutant(
        'closed-not-seen', 'hunger_not_ended',
        'a lonely consumer takes a queue that has ended meanwhile for one that nobody can end',
        'lib/ring/lease.cpp',
        '  if (is_closed(segment())) return;\n', '',
        'faults/orders', 'Order: the last producer leaves a closed queue between two looks of a '
        'lonely consumer'),
    Mutant(
        'room-not-seen', 'room_none',
        'a lonely producer does not look again at the room that the last consumer made as it left',
        'lib/ring/room.cpp',
        '      if (refresh_room() || outcome() != Status::ok) continue;\n', '',
        'faults/orders', 'Order: the last consumer makes room and leaves between two looks of a '
        'lonely producer'),
    Mutant(
        'readers-elsewhere', 'note 22', 'consumers of other processes do not count',
        'lib/ring/end_of_stream.cpp',
        'return of.local_consumer(endpoint).consumer.load(std::memory_order_relaxed) == nullptr;',
        'return of.local_consumer(endpoint).consumer.load() == nullptr && false;',
        'queue/would_deadlock', 'put: a consumer that will be elsewhere is waited for'),
    Mutant(
        'copies-not-counted', 'note 22',
        'a queue object of which a child has a copy passes for the only one',
        'lib/shm/segment.hpp',
        '           forks_before_handle_ == forks_by_others();\n',
        '           forks_before_handle_ <= forks_by_others();\n',
        'process/adopt', 'adopt: a loop and a put wait for a child that has not yet adopted the '
        'queue'),
    # ---- sleep and wake ----
    Mutant(
        'no-second-look', 'W1', 'a consumer sleeps without a look behind its announcement',
        'lib/ring/hunger.cpp',
        'if (hopeless || nothing_to_do()) {',
        'if (hopeless || !stream_ended(segment())) {',
        'faults/second_looks', 'Second look: an item put before its consumer could be seen to '
        'sleep is not slept over'),
    Mutant(
        'bit-not-missed', 'W1, T22', 'a sleeper does not see that its bit was cleared',
        'lib/ring/hunger.cpp',
        'while (now < deadline && sleep.is_announced() && nothing_to_do());',
        'while (now < deadline && nothing_to_do());',
        'ring/wakes', 'wake: a sleeper whose bit a waker cleared before it died can be chosen '
        'again'),
    Mutant(
        'no-second-look-at-room', 'W2', 'nor does a producer look again at the slot it waits for',
        'lib/ring/room.cpp',
        'if (!refresh_room() && outcome() == Status::ok) {',
        'if (outcome() == Status::ok) {',
        'faults/second_looks', 'Second look: room made before its producer could be seen to wait '
        'is not slept over'),
    Mutant(
        'fence-left-out', 'P6, T25', 'a consumer that is about to sleep has no heavy fence',
        'lib/ring/wait.cpp',
        '  if (!heavy_fence()) control.flags.fetch_or(kNeedFence, std::memory_order_seq_cst);  '
        '// T25\n',
        '',
        'faults/meetings', 'Meeting: a thief that lost the heavy fence takes nothing over, and '
        'says that it lost it'),
    Mutant(
        'word-unmoved', 'T22', 'a waker does not move the word of whom it wakes',
        'lib/ring/wait.cpp',
        '  word.fetch_add(1, std::memory_order_seq_cst);\n', '',
        'faults/second_looks', 'Second look: a wake that came before the sleep ends it at once'),
    Mutant(
        'wake-kept', 'W3', 'who was woken and takes nothing keeps the wake',
        'lib/ring/hunger.cpp',
        'if (wake_owed_ && visible_work()) wake_one_consumer(segment());',
        'static_cast<void>(wake_owed_ && visible_work());',
        'ring/wakes', 'wake: who was chosen and leaves without an item passes the wake on, once'),
    Mutant(
        'chain-broken', 'W3', 'who takes a part of the work wakes nobody for the rest',
        'lib/ring/claim.cpp',
        'if (end != tail && segment().control().waiters_summary.load(std::memory_order_relaxed) '
        '!= 0) {',
        'if (end > tail && segment().control().waiters_summary.load(std::memory_order_relaxed) '
        '!= 0) {',
        'ring/wakes', 'wake: who takes a part of what is there wakes the next one, who takes the '
        'last does not'),
    Mutant(
        'close-silent', 'T28', 'closing wakes nobody',
        'lib/ring/end_of_stream.cpp',
        '  if ((before & kClosed) != 0) return false;\n  wake_everybody(segment);\n',
        '  if ((before & kClosed) != 0) return false;\n',
        'ring/wakes', 'wake: closing wakes everybody, consumers and who waits for room'),
    Mutant(
        'given-back-silent', 'T9, T22', 'what is given back wakes nobody',
        'lib/ring/give_back.cpp',
        '  wake_one_consumer(segment());\n  freed(segment(), lane, kAnyPosition);\n',
        '  freed(segment(), lane, kAnyPosition);\n',
        'ring/wakes', 'wake: what is given back wakes a consumer'),
    Mutant(
        'done-silent', 'T5, T23', 'who finishes the item that a producer waits for says nothing',
        'lib/ring/consumer_ring.cpp',
        '  freed(segment(), lane_, begin_);\n', '',
        'ring/wakes', 'wake: a producer is woken by who finishes the item that it waits for, and '
        'by no other'),
    Mutant(
        'repair-silent', 'T21, T22', 'a repair wakes nobody',
        'lib/ring/repair.cpp',
        '  wake_everybody(segment);\n', '',
        'ring/wakes', 'wake: a repair wakes everybody'),
    # ---- the end ----
    Mutant(
        'end-over-leases', 'I1, P8', 'leases are left out of the test of the end',
        'lib/ring/end_of_stream.cpp',
        'return done || excepted || b.stamp.state == StampState::parked ? Walk::on : Walk::stop;',
        'return done || excepted || b.stamp.state == StampState::parked ||\n'
        '                     b.stamp.state == StampState::leased\n'
        '                 ? Walk::on\n                 : Walk::stop;',
        'ring/verdicts', 'end: not while an item is leased, in hand or claimed ahead'),
    Mutant(
        'end-over-held', 'I1, P8', 'so are items that came back and are in hand again',
        'lib/ring/end_of_stream.cpp',
        'return done || excepted || b.stamp.state == StampState::parked ? Walk::on : Walk::stop;',
        'return done || excepted || b.stamp.state == StampState::parked ||\n'
        '                     b.stamp.state == StampState::held\n'
        '                 ? Walk::on\n                 : Walk::stop;',
        'ring/verdicts', 'end: not while an item that came back is in hand, or waits to be taken'),
    Mutant(
        'end-by-claim', 'I5', 'the stream is over when everything is claimed',
        'lib/ring/end_of_stream.cpp',
        '    if (ended != Walked::all) return false;\n',
        '    if (ended != Walked::all && lane.control->claim.load() != tail) return false;\n',
        'ring/verdicts', 'end: not while an item that came back is in hand, or waits to be taken'),
    Mutant(
        'end-over-unstamped', 'I5', 'the test of the end stops at what nobody has stamped',
        'lib/ring/end_of_stream.cpp',
        '    if (ended != Walked::all) return false;\n',
        '    if (ended == Walked::stopped) return false;\n',
        'ring/verdicts', 'end: not while a position is claimed and nobody has stamped it'),
    Mutant(
        'end-items-first', 'P8', 'the test of the end looks at items first, then for producers',
        'lib/ring/end_of_stream.cpp',
        '  if (any_registered(segment, Role::producer)) return false;\n'
        '  for (std::uint32_t i = 0, n = segment.lanes_used(); i < n; ++i) {\n',
        '  for (std::uint32_t i = 0, n = segment.lanes_used();; ++i) {\n'
        '    if (i == n) return !any_registered(segment, Role::producer);\n',
        'faults/orders', 'Order: the end looks for producers first, so what the last one put is '
        'not missed'),
    Mutant(
        'epoch-ignored', 'P8', 'a scan that found nobody is believed though somebody came',
        'lib/shm/attachment.cpp',
        'if (!epoch || epoch->load(std::memory_order_seq_cst) == before) return false;',
        'if (!epoch || before != UINT64_MAX) return false;',
        'faults/registration', 'Registration: a consumer that comes behind a scan of the others '
        'is not overlooked'),
    Mutant(
        'epoch-first', 'T19, P8', 'the epoch moves before the newcomer is LIVE',
        'lib/shm/attachment.cpp',
        '  IQ_KILL_POINT(attach_before_live);\n',
        '  if (auto* early = epoch_of(control, life.role)) early->fetch_add(1);\n'
        '  IQ_KILL_POINT(attach_before_live);\n'
        '  if (auto* early = epoch_of(control, life.role)) early->fetch_sub(1);\n',
        'faults/orders', 'Order: who registers is LIVE before the epoch moves, so no scan '
        'overlooks it'),
    Mutant(
        'closed-before-live', 'T19, P8', 'a producer looks at closed before it is LIVE only',
        'lib/shm/attachment.cpp',
        'if (life.role == Role::producer && !even_closed && is_marked_closed(segment)) {',
        'if (life.role == Role::producer && !even_closed && index >= kMaxEndpoints) {',
        'faults/registration', 'Registration: stopped before it is LIVE, the stream ends without '
        'it, it is refused'),
    Mutant(
        'free-late', 'T20', 'who leaves lets go of its byte before it is FREE',
        'lib/shm/attachment.cpp',
        '    IQ_KILL_POINT(detach_before_free);\n',
        '    lock_.release();\n    IQ_KILL_POINT(detach_before_free);\n',
        'faults/orders', 'Order: who leaves is FREE before it lets go, so nobody takes it for '
        'dead'),
    Mutant(
        'owner-stored', 'T17', 'a lane\'s owner is stored, not exchanged',
        'lib/ring/producer_ring.cpp',
        '  if (!lane.control->owner.compare_exchange_strong(\n'
        '          nobody, pack_lane_owner(attachment_.index(), attachment_.incarnation()),\n'
        '          std::memory_order_acq_rel)) {\n',
        '  if (lane.control->owner.store(\n'
        '          pack_lane_owner(attachment_.index(), attachment_.incarnation()));\n'
        '      nobody != 0) {\n',
        'faults/rivals', 'Rivals: of two producers that want the same new lane each gets one of '
        'its own'),
    Mutant(
        'reopened-in-company', 'T31', 'a closed queue is opened again while others are attached',
        'lib/queue/shared_queue.cpp',
        'if (others && !is_finished(*segment_)) reopen_queue(*segment_);',
        'if (!is_finished(*segment_)) reopen_queue(*segment_);',
        'ring/abandoned', 'abandoned: a producer that is not alone with the rest does not open it '
        'again'),
    Mutant(
        'drain-unheard', 'T42', 'a queue that is drained takes puts all the same',
        'lib/ring/room.cpp',
        'if ((flags & kDraining) == 0) return Status::ok;',
        'if ((flags & kDraining) < kDraining + 1) return Status::ok;',
        'process/interrupted', 'interrupted: sources are told, what is queued is finished, join '
        'throws Interrupted'),
    Mutant(
        'nudge-missing', 'T32', 'stop() does not make consumers look up from their batches',
        'lib/queue/shared_queue.cpp',
        '  nudge_consumers(segment);\n', '',
        'faults/meetings_stop', 'Stop: a loop over a long batch ends with the item at which the '
        'queue was stopped'),
    Mutant(
        'stop-unseen', 'P12', 'a new batch is not followed by a look at the flags',
        'lib/ring/hunger.cpp',
        'if ((segment().control().flags.load(std::memory_order_seq_cst) & kStopped) == 0) {',
        'if (segment().control().lanes_used.load(std::memory_order_seq_cst) != 0) {',
        'faults/meetings_stop', 'Stop: a claim that it meets at any step hands out nothing'),
    # ---- who is dead ----
    Mutant(
        'one-byte-is-dead', 'T21', 'one free byte of the two makes an endpoint dead',
        'lib/ring/repair.cpp',
        'PinnedLock::try_lock(segment.lock_file(), endpoint_byte(endpoint), 2)) {',
        'PinnedLock::try_lock(segment.lock_file(), endpoint_byte(endpoint), 1)) {',
        'ring/verdicts', 'repair: who holds one byte of the two is alive, whatever a probe said '
        'before'),
    Mutant(
        'life-unread-again', 'T21', 'who got the bytes does not look again whether it is LIVE',
        'lib/ring/repair.cpp',
        'if (!life.live) return false;  // it left in order, or another repairer was faster',
        '',
        'ring/verdicts', 'repair: who has left meanwhile is not repaired, and not counted as '
        'dead'),
    Mutant(
        'canary-ignored', 'T26', 'a process does not ask for its own byte before it asks for '
        'others\'',
        'lib/ring/tend.cpp',
        'if (probe_lock(segment.lock_file(), endpoint_byte(self), 2) != Held::yes) {',
        'if (probe_lock(segment.lock_file(), endpoint_byte(self), 2) == Held::no) {',
        'ring/verdicts', 'tend: a process whose probes tell nothing says so instead of finding '
        'nobody dead'),
    Mutant(
        'fork-unguarded', 'liveness', 'fork() does not wait for the guard',
        'lib/sys/fork_guard.cpp',
        '::pthread_atfork(before_fork, after_fork, after_fork_in_child);',
        '::pthread_atfork(nullptr, nullptr, nullptr);',
        'sys/fork_guard', 'ForkGuard: fork() waits for it, and the child can take it at once'),
    Mutant(
        'pin-inherited', 'liveness', 'a child inherits the pin, and with it the lock',
        'lib/sys/pinned_lock.cpp',
        'if (::madvise(pin, kPinBytes, MADV_DONTFORK) != 0) {',
        'if (::madvise(pin, kPinBytes, MADV_NORMAL) != 0) {',
        'sys/liveness', 'PinnedLock: a child that outlives its parent does not hold the parent\'s '
        'byte'),
    Mutant(
        'lock-of-a-descriptor', 'liveness', 'a lock is the process\'s, not the description\'s',
        'lib/sys/pinned_lock.cpp',
        '::fcntl(fd, F_OFD_SETLK, &lock) != 0) {',
        '::fcntl(fd, F_SETLK, &lock) != 0) {',
        'sys/liveness', 'PinnedLock: user code that opens and closes the file does not give it '
        'up'),
    Mutant(
        'copy-unmaps', 'liveness', 'a child\'s copy of a lock unmaps what is at its address',
        'lib/sys/pinned_lock.cpp',
        'if (pin == nullptr || generation_ != process_generation()) return;',
        'if (pin == nullptr) return;',
        'sys/liveness', 'PinnedLock: the end of a child\'s copy gives nothing up and unmaps '
        'nothing'),
    Mutant(
        'inode-uncompared', 'liveness', 'a probe believes the descriptor, whatever it is by now',
        'lib/sys/lock_file.cpp',
        'return found.has_value() && *found == id;',
        'return found.has_value() && id == id;',
        'sys/lock_file', 'LockFile: a reused descriptor is not believed and not closed'),
    Mutant(
        'error-is-free', 'liveness', 'a probe that fails reads as free, not as unknown',
        'lib/sys/lock_file.cpp',
        '    if (file.probe_fd() < 0) return Held::unknown;\n',
        '    if (file.probe_fd() < 0) return Held::no;\n',
        'sys/lock_file', 'LockFile: an anonymous file whose descriptor is gone: unknown, and '
        'CannotProbe'),
    Mutant(
        'token-twice', 'T41', 'a token may be used again',
        'lib/shm/attachment.cpp',
        'waits, 0, std::memory_order_acq_rel);  // T41',
        'waits, waits, std::memory_order_acq_rel);',
        'shm/attachment', 'attachment: a token is used once; what nobody came for is told from '
        'what was closed'),
    # ---- repair ----
    Mutant(
        'repair-order', 'T14', 'repair stores the first stamp first, not last',
        'lib/ring/repair.cpp',
        '    const Position end = b.position + items;\n    for (',
        '    const Position end = b.position + items;\n'
        '    if (p.cursor > b.position) store(lane, b.position, p.cursor - b.position, '
        'StampState::done);\n    for (',
        'faults/orders', 'Order: a repairer killed at any of its stores, the next one comes to '
        'the same result'),
    Mutant(
        'free-first', 'T21', 'the dead is FREE before its leases are given back',
        'lib/ring/repair.cpp',
        '  IQ_KILL_POINT(repair_begin);\n  if (life.role == Role::consumer &&',
        '  IQ_KILL_POINT(repair_begin);\n'
        '  segment.life(endpoint).store(Life{false, Role::none, life.incarnation}.pack());\n'
        '  if (life.role == Role::consumer &&',
        'faults/orders', 'Order: a repairer killed at any of its stores, the next one comes to '
        'the same result'),
    Mutant(
        'limit-open', 'T12, I3', 'repair leaves the limit of the dead open to thieves',
        'lib/ring/repair.cpp',
        'pending_limit(end, dead_, lane.index),',
        'settled_limit(end, lane.index),',
        'faults/meetings', 'Meeting: nobody takes over a batch that is being repaired'),
    Mutant(
        'unstamped-left', 'T7', 'repair leaves what the dead claimed and did not stamp',
        'lib/ring/repair.cpp',
        'if (ended == Walked::unstamped) orphan_unstamped(lane, position);',
        'if (ended == Walked::unstamped) ++position;',
        'faults/orders', 'Order: a claimer is announced before it claims, so repair knows where '
        'to look'),
    Mutant(
        'blamed-unhanded', 'T14', 'repair blames an item that was not in hand',
        'lib/ring/repair.cpp',
        'if ((cursor & kInHand) == 0 || at == begin + items) return {at, false};',
        'if (at == begin + items) return {at, false};',
        'ring/verdicts', 'repair: an item that was claimed and not yet in hand is nobody\'s '
        'fault'),
    Mutant(
        'cursor-of-another-lane', 'T14', 'repair believes a cursor that speaks of another lane',
        'lib/ring/repair.cpp',
        'if (line_.lane.load(std::memory_order_acquire) != lane.index || at - begin > items) {',
        'if (at - begin > items) {',
        'ring/verdicts', 'repair: a cursor of another lane blames nobody and acknowledges '
        'nothing'),
    Mutant(
        'repaired-unraised', 'T24', 'no attention is raised for what repair gave back',
        'lib/ring/repair.cpp',
        '    raise_attention(segment_, lane);\n    return complete;\n',
        '    return complete;\n',
        'ring/meetings', 'attention: what a dead consumer had comes before what is new'),
    Mutant(
        'death-unnoted', 'T27', 'a killed producer is no failure of the stream',
        'lib/ring/repair.cpp',
        'if (!is_succeeded(segment, endpoint)) record_failure(',
        'if (!is_succeeded(segment, endpoint) && pid == 0) record_failure(',
        'faults/deaths', 'End: all producers killed, sleeping consumers drain what is there and '
        'are told'),
    Mutant(
        'lane-kept', 'T18', 'repair leaves a dead producer its lane',
        'lib/ring/repair.cpp',
        '    lane.control->owner.store(0, std::memory_order_release);  // T18, P9\n', '',
        'ring/verdicts', 'repair: a dead producer\'s lane is anybody\'s, with what is in it'),
    Mutant(
        'lease-uncounted', 'T33', 'an explicit lease is not counted, so repair does not look for '
        'it',
        'lib/ring/lease.cpp',
        '  segment().extra(attachment_.index()).held.fetch_add(1, std::memory_order_release);\n',
        '',
        'ring/verdicts', 'repair: explicit leases in other lanes than its last one come again, '
        'counted'),
    Mutant(
        'heir-unrepaired', 'T40', 'an heir does not give back what its predecessor had',
        'lib/ring/repair.cpp',
        '  return ConsumerRepair(segment, endpoint).repair_all();\n',
        '  return endpoint < kMaxEndpoints && segment.lanes_used() <= kMaxLanes;\n',
        'process/adopt', 'adopt: from a dead parent, with the item that it had in hand, counted'),
    # ---- relays ----
    Mutant(
        'note-late', 'T36, P14', 'a relay\'s note is stored behind the tail that it speaks of',
        'lib/ring/hand_over.cpp',
        '  extra.handover_item.store(in_->item_id(in_->position()) + 1, '
        'std::memory_order_release);\n'
        '  IQ_KILL_POINT(relay_recorded);  // P14: the note comes before the tail that it speaks '
        'of\n'
        '  out_->commit_stage();  // T1: all of it, or nothing\n',
        '  IQ_KILL_POINT(relay_recorded);\n'
        '  out_->commit_stage();\n'
        '  extra.handover_item.store(in_->item_id(in_->position()) + 1);\n',
        'faults/relay', 'Relay: killed right behind its commit, the input is not seen again'),
    Mutant(
        'unmarked-early', 'T37', 'a dead relay\'s lane is unmarked before its leases are decided',
        'lib/ring/repair.cpp',
        '    bool complete = true;\n',
        '    bool complete = true;\n    record_.release_lane();\n',
        'faults/relay', 'Relay: killed right behind its commit, the input is not seen again'),
    Mutant(
        'mark-ignored', 'T35, T40', 'an heir goes on in a lane whose tail still decides',
        'lib/ring/succession.cpp',
        'if (lane.control->hand_over.load(std::memory_order_acquire) != 0) {',
        'if (lane.control->hand_over.load(std::memory_order_acquire) == ~self) {',
        'faults/relay', 'Relay: restarted with its producer alone, whatever that puts first, '
        'nothing is lost'),
    # ---- the file ----
    Mutant(
        'magic-ignored', 'layout', 'any file may begin like a queue',
        'lib/shm/segment.cpp',
        '!read_at(fd, 0, &header, sizeof header) || header.magic != kMagic) {',
        '!read_at(fd, 0, &header, sizeof header)) {',
        'queue/errors', 'Corrupt: a foreign file under the name is refused and left as it is'),
    Mutant(
        'checksum-ignored', 'layout', 'a damaged header is believed',
        'lib/shm/segment.cpp',
        'if (header.header_bytes != sizeof header || header.checksum != checksum(header) ||',
        'if (header.header_bytes != sizeof header ||',
        'shm/segment', 'segment: any byte of the header changed is refused, and the file is left '
        'as it is'),
]
