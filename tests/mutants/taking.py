"""Mutants of putting, claiming, stealing and giving back: of who has which item."""
from mutant import Mutant

MUTANTS = [
    # ---- stamps and room ----
    Mutant(
        'lap-ignored', 'I2', 'a stamp of an older lap counts as one of this lap',
        'lib/ring/walk.hpp',
        'return age < 0 || (age == 0 && !known);',
        'return age <= 0 && !known;',
        'ring/verdicts', 'room: neither DONE of the lap before nor a lease of this one frees '
        'anything'),
    Mutant(
        'room-lap-ignored', 'T16', 'DONE of an older lap frees a slot',
        'lib/ring/room.cpp',
        'if (compare_lap(word, lane_.lap(head_)) != 0 || stamp.state != StampState::done) break;',
        'if (stamp.state != StampState::done) break;',
        'ring/verdicts', 'room: neither DONE of the lap before nor a lease of this one frees '
        'anything'),
    Mutant(
        'room-leased', 'T16', 'a slot is used again while its item is leased',
        'lib/ring/room.cpp',
        'if (compare_lap(word, lane_.lap(head_)) != 0 || stamp.state != StampState::done) break;',
        'if (compare_lap(word, lane_.lap(head_)) != 0) break;',
        'ring/verdicts', 'room: neither DONE of the lap before nor a lease of this one frees '
        'anything'),
    Mutant(
        'publish-first', 'T1, P1', 'the tail is stored before the item',
        'include/iq/producer.hpp',
        '      write_payload(core, to, item, bytes);\n      core.publish_placed(1);\n',
        '      core.publish_placed(1);\n      write_payload(core, to, item, bytes);\n',
        'faults/deaths', 'Producer: killed between the publication and put\'s return, its item is '
        'delivered'),
    Mutant(
        'run-unbounded', 'T1', 'a put goes on past the slots that are free',
        'lib/ring/room.cpp',
        'const std::uint64_t count = std::min(static_cast<std::uint64_t>(room), to_end);',
        'const std::uint64_t count = to_end;',
        'ring/runs', 'run: it ends with the ring, and where the oldest unfinished item begins'),
    Mutant(
        'run-in-relays', 'T1, T36', 'a put finds free slots between a relay\'s outputs',
        'lib/ring/room.cpp',
        'staged_ != 0 || relaying_) return end_run();',
        'staged_ != 0) return end_run();',
        'ring/runs', 'run: a relay\'s outputs come behind what its producer has put before'),
    Mutant(
        'head-unfreed', 'T7', 'a producer waits for a claimer that does not stamp',
        'lib/ring/room.cpp',
        'if (now - stuck_since_ns_ < kSeizeAfterNs) return true;',
        'return true;',
        'faults/meetings_death', 'Meeting: a producer frees the head that its claimer has not '
        'stamped'),
    # ---- claiming: one word, two claimers ----
    Mutant(
        'claim-stored', 'T2', 'the claim word is stored, not exchanged',
        'lib/ring/claim.cpp',
        'if (!lane.control->claim.compare_exchange_strong(begin, end, '
        'std::memory_order_acq_rel)) {',
        'if (lane.control->claim.store(end, std::memory_order_release); false) {',
        'faults/rivals', 'Rivals: of two that claim the same positions one gets them, and the '
        'claim never falls'),
    Mutant(
        'stamp-stored', 'T3', 'a claimer\'s stamp is stored, not exchanged',
        'lib/ring/claim.cpp',
        'if (!lane.stamp(begin).compare_exchange_strong(old, leased, std::memory_order_acq_rel)) {',
        'if (lane.stamp(begin).store(leased, std::memory_order_release); false) {',
        'faults/rivals', 'Rivals: a claimer whose positions were seized leaves them to whoever '
        'has them'),
    Mutant(
        'stamp-unread', 'T3', 'a late claimer exchanges whatever stamp it finds',
        'lib/ring/claim.cpp',
        'if (!is_unstamped(old, lane.lap(begin))) continue;  // seized',
        '',
        'faults/rivals', 'Rivals: a claimer whose positions were seized leaves them to whoever '
        'has them'),
    Mutant(
        'claim-is-done', 'T3, T5', 'a batch is stamped DONE when it is claimed',
        'lib/ring/claim.cpp',
        'pack_stamp(lane.lap(begin), items, tag(), StampState::leased);',
        'pack_stamp(lane.lap(begin), items, tag(), StampState::done);',
        'ring/verdicts', 'end: not while an item is leased, in hand or claimed ahead'),
    Mutant(
        'announced-late', 'T2, P4', 'the batch is announced behind the claim, not before',
        'lib/ring/claim.cpp',
        '    announce(lane, begin, end);\n    IQ_KILL_POINT(claim_before_cas);\n',
        '    IQ_KILL_POINT(claim_before_cas);\n',
        'faults/orders', 'Order: a claimer is announced before it claims, so repair knows where '
        'to look'),
    Mutant(
        'seizure-stored', 'T6', 'a seizer\'s stamp is stored, not exchanged',
        'lib/ring/take_over.cpp',
        'if (!lane.stamp(position).compare_exchange_strong(old, mine, std::memory_order_acq_rel)) {'
        '  // T6',
        'if (lane.stamp(position).store(mine, std::memory_order_release); false) {',
        'faults/rivals', 'Rivals: a seizer that was slower than the claimer\'s stamp takes '
        'nothing'),
    Mutant(
        'orphan-stored', 'T8', 'the taker of an orphan stores its stamp',
        'lib/ring/claim.cpp',
        'if (!lane.stamp(orphan.position).compare_exchange_strong(word, held, '
        'std::memory_order_acq_rel)) {',
        'if (lane.stamp(orphan.position).store(held, std::memory_order_release); word == 0) {',
        'faults/rivals', 'Rivals: an orphan that somebody else took meanwhile is left alone'),
    # ---- the cursor ----
    Mutant(
        'in-hand-unmarked', 'T4', 'the cursor does not say that the first item is in hand',
        'lib/ring/consumer_ring.cpp',
        'line_->cursor.store(kInHand | begin_, std::memory_order_release);  // T4',
        'line_->cursor.store(begin_, std::memory_order_release);',
        'process/consumer_death', 'killed with an item in hand: that one comes again counted, the '
        'rest uncounted'),
    Mutant(
        'next-unmarked', 'T4', 'nor that the next one is',
        'lib/ring/consumer_ring.cpp',
        'line_->cursor.store(kInHand | position, std::memory_order_release);  // T4',
        'line_->cursor.store(position, std::memory_order_release);',
        'faults/orders', 'Order: killed at any store of a give-back, its repair comes to the same '
        'result'),
    Mutant(
        'step-unacknowledged', 'T4', 'a loop\'s step does not move the cursor',
        'include/iq/detail/consumer_core.hpp',
        '    steps.line->cursor.store(cursor, std::memory_order_release);\n',
        '',
        'process/consumer_death', 'killed inside a loop over texts: the same, and the text is '
        'whole'),
    Mutant(
        'read-after-done', 'T5, P3', 'a get acknowledges its item before it reads it',
        'include/iq/consumer.hpp',
        '    return hand_out([&]() -> std::optional<T> { return read(core_->position()); });\n',
        '    const detail::Position position = core_->position();\n'
        '    core_->release(detail::Leave::acknowledge);\n'
        '    return read(position);\n',
        'process/consumer_death', 'killed with an item in hand: that one comes again counted, the '
        'rest uncounted'),
    # ---- taking over ----
    Mutant(
        'limit-lane-dropped', 'T10', 'limits of batches in two lanes read alike',
        'include/iq/detail/limit.hpp',
        'return (end << kLimitShift) - (std::uint64_t{lane} << kLimitTagBits);',
        'return (end << kLimitShift) - (std::uint64_t{lane * 0} << kLimitTagBits);',
        'ring/meetings', 'steal: a thief that was late for one lane does not touch the theft in '
        'another'),
    Mutant(
        'cursor-unread', 'P5', 'a thief does not look how far the owner has come',
        'lib/ring/take_over.cpp',
        'if (!fenced || !here || !same || at - begin >= from - begin) {',
        'if (!fenced || !here || !same || at - begin >= lease.items) {',
        'ring/meetings', 'steal: an owner that has come past the place keeps what it is at'),
    Mutant(
        'stamp-unread-again', 'T11', 'a thief does not look at the stamp again',
        'lib/ring/take_over.cpp',
        'if (!fenced || !here || !same || at - begin >= from - begin) {',
        'if (!fenced || !here || at - begin >= from - begin) {',
        'ring/meetings', 'steal: a batch that is finished is left alone, whatever its owner '
        'announces just now'),
    Mutant(
        'fence-unasked', 'P5', 'a thief goes on although its heavy fence was refused',
        'lib/ring/take_over.cpp',
        'const bool fenced = heavy_fence();  // P5',
        'const bool fenced = heavy_fence() || true;',
        'faults/meetings', 'Meeting: a thief that lost the heavy fence takes nothing over, and '
        'says that it lost it'),
    Mutant(
        'need-fence-ignored', 'T25', 'a batch is taken over where fences are refused',
        'lib/ring/take_over.cpp',
        'if ((segment().control().flags.load(std::memory_order_relaxed) & kNeedFence) != 0) '
        'return false;',
        '',
        'ring/need_fence', 'need_fence: nobody takes over a batch, its owner keeps all of it'),
    Mutant(
        'confirm-stored', 'T11', 'a thief confirms by a store, whoever came in between',
        'lib/ring/take_over.cpp',
        '  if (!line.limit.compare_exchange_strong(wanted, settled_limit(from, lane.index),\n'
        '                                          std::memory_order_acq_rel)) {  // T11\n'
        '    return false;\n  }\n',
        '  line.limit.store(settled_limit(from, lane.index), std::memory_order_release);\n',
        'faults/rivals', 'Rivals: a thief whose take-over was cancelled takes nothing'),
    Mutant(
        'shrink-unfinished', 'T13', 'nobody shrinks the stamp for a thief that stopped',
        'lib/ring/take_over.cpp',
        'if (told && limit_at - begin - 1 < std::uint64_t{lease.items} - 1) {',
        'if (told && limit_at - begin - 1 < std::uint64_t{lease.items} - 1 && now == 0) {',
        'ring/meetings', 'take-over: what a stopped thief has confirmed is not hidden by its '
        'owner\'s seal'),
    Mutant(
        'cancel-stored', 'T12', 'an owner cancels a theft by a store, also one that is confirmed',
        'lib/ring/consumer_ring.cpp',
        '    if (line_->limit.compare_exchange_strong(word, settled_limit(end_, lane_.index),\n'
        '                                             std::memory_order_acq_rel)) {\n'
        '      return position < end_;\n    }\n',
        '    line_->limit.store(settled_limit(end_, lane_.index), std::memory_order_release);\n'
        '    return position < end_;\n',
        'faults/rivals', 'Rivals: an owner that cancels a theft too late keeps off what was '
        'stolen'),
    Mutant(
        'pending-believed', 'I3', 'an owner believes the end in a stranger\'s pending word',
        'lib/ring/consumer_ring.cpp',
        'if (limit_tag(word) != 0 && limit_tag(word) != tag() && end_ - begin_ > 1) {',
        'if (limit_tag(word) != 0 && limit_tag(word) != tag() && end_ - begin_ > kMaxBatch) {',
        'ring/meetings', 'nudge: the next step looks up, the batch goes on, and no thief takes the '
        'nudge away'),
    # ---- giving back ----
    Mutant(
        'unsealed', 'T9, T12', 'a batch is given back without its limit being sealed',
        'lib/ring/give_back.cpp',
        '  Position first = position();\n  seal_limit(first);\n',
        '  Position first = position();\n',
        'ring/meetings', 'give back: what a thief has by now is not given back'),
    Mutant(
        'give-back-order', 'T9', 'a batch is given back first stamp first, not last',
        'lib/ring/give_back.cpp',
        '  const Position kept = first + in_hand_count_;\n'
        '  for (Position p = end_; p-- > kept;) put_stamp(p, attempts_, StampState::orphan);\n'
        '  for (',
        '  const Position kept = first + in_hand_count_;\n'
        '  if (first > begin_) put_stamp(begin_, first - begin_, StampState::done);\n'
        '  for (Position p = end_; p-- > kept;) put_stamp(p, attempts_, StampState::orphan);\n'
        '  for (',
        'faults/orders', 'Order: killed at any store of a give-back, its repair comes to the same '
        'result'),
    Mutant(
        'given-back-unraised', 'T24', 'no attention is raised for what was given back',
        'lib/ring/give_back.cpp',
        '  const LaneView lane = lane_;\n  raise_attention(segment(), lane);\n',
        '  const LaneView lane = lane_;\n',
        'ring/meetings', 'attention: what is given back comes before what is new'),
    Mutant(
        'seized-unraised', 'T24', 'nor for what a seizer freed',
        'lib/ring/take_over.cpp',
        '  if (freed_some) {\n    raise_attention(segment(), lane);\n',
        '  if (freed_some) {\n',
        'ring/meetings', 'attention: what a seizer freed behind its item comes before what is '
        'new'),
    Mutant(
        'attention-order', 'T24, P11', 'the queue\'s attention is raised before the lane\'s',
        'lib/ring/wait.cpp',
        '  raise(lane.control->attention);  // P11: after the orphan, before the queue\'s word\n'
        '  IQ_KILL_POINT(attention_between);\n'
        '  raise(segment.control().attention);\n',
        '  raise(segment.control().attention);\n'
        '  IQ_KILL_POINT(attention_between);\n'
        '  raise(lane.control->attention);\n',
        'faults/orders', 'Order: a lane\'s attention is raised before the queue\'s, so no cleaner '
        'misses an orphan'),
    Mutant(
        'parked-late', 'T15', 'the origin is DONE before its copy is published',
        'lib/ring/parking.cpp',
        '  const bool moved = park_in_area(segment, item);\n',
        '  lane.stamp(position).store(pack_stamp(lane.lap(position), 1, tag, StampState::done));\n'
        '  const bool moved = park_in_area(segment, item);\n',
        'faults/orders', 'Order: killed at any step of a parking, the item is parked in the end, '
        'once'),
    Mutant(
        'parked-twice', 'T15', 'a parker does not look whether its item is in the area',
        'lib/ring/parking.cpp',
        'return parking.contains(item.lane, item.position) || parking.append(item);',
        'return parking.append(item);',
        'faults/orders', 'Order: killed at any step of a parking, the item is parked in the end, '
        'once'),
]
