// What a queue has to offer to be measured, and the list of those that do.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arena.hpp"
#include "item.hpp"

namespace bench {

/// How many producers and consumers work on one queue.
struct Shape {
  int producers = 1;
  int consumers = 1;
  std::size_t capacity = 0;  ///< items per lane of ours; 0: its default. Peers have their own
};

inline constexpr std::size_t kBulk = 32;       ///< items per call in bulk
inline constexpr std::size_t kLarge = 4096;    ///< from this size on it is copying that costs
inline constexpr std::size_t kTripBytes = 64;  ///< what goes there and back in round trips

/// How many items of `bytes` peers get that want to be told: 4 MiB of them, the size that was best
/// for the raw ring (more than a core's own cache, less than the shared one).
constexpr std::size_t slots_for(std::size_t bytes, std::size_t most = 32'768) noexcept {
  return std::clamp<std::size_t>((std::size_t{4} << 20) / bytes, 4, most);
}

/// A peer P is a queue of P::Item, made before the parties start.
///
///   kParties              threads of one process, or processes forked from where the queue is
///   kBatch                items per put: 1 or kBulk
///   P(shape)              makes the queue
///   attached()            all parties have their ends; called once, where the queue was made
///   producer(index)       one party's end; put(batch) takes all of a batch, or none now: false
///   consumer(index)       drain(visit, arena) calls visit for every item until no more can come
///   finish()              by the last producer, when all items of all are put
///   take_overs()          how often one consumer got what another had claimed: an excuse for items
///                         out of order
enum class Parties : unsigned char { processes, threads };

template <class P>
concept Peer = requires(P peer, Shape shape, int index,
                        std::span<const typename P::Item, P::kBatch> batch,
                        void (*visit)(const typename P::Item&), const Arena& arena) {
  { P::kParties } -> std::convertible_to<Parties>;
  P(shape);
  peer.attached();
  { peer.producer(index).put(batch) } -> std::same_as<bool>;
  peer.consumer(index).drain(visit, arena);
  peer.finish();
  { peer.take_overs() } -> std::same_as<std::uint64_t>;
};

/// A peer without its type.
class Job {
 public:
  virtual ~Job() = default;
  virtual void attached() = 0;
  virtual void produce(int index, Arena& arena) = 0;
  virtual void consume(int index, Arena& arena) = 0;
  virtual std::uint64_t take_overs() = 0;
};

/// For bench-trace, trace/turns.hpp: rounds in which each producer and consumer has a turn.
struct Turns {
  int warm = 0;     ///< before what counts: a lap of the ring, at least
  int counted = 0;
};

struct SliceResult {
  double ns_per_item = 0;             ///< of round trips: the mean of their middle half
  double end_ms = 0;                  ///< from the last producer's end to the last consumer's
  std::uint64_t out_of_order = 0;     ///< among the items: allowed where batches were taken over
  std::vector<double> trips_ns = {};  ///< of round trips, each
  std::string error = {};             ///< a crash, a hang, a wrong count: empty when all is well
};

/// One line of the table: a peer, how it is used, what it carries.
struct Entry {
  std::string peer;
  std::string mode;
  std::size_t bytes = 0;
  Parties parties = Parties::processes;
  bool one_core = false;     ///< all parties take turns on one: what counts is work, not lines
  bool limit = false;        ///< not a queue but what the machine allows
  bool ordered = true;       ///< keeps each producer's items in order
  Shape most = {64, 64};     ///< producers and consumers that it can have
  std::string against = {};  ///< the mode of ours that it is compared with; empty: its own
  std::unique_ptr<Job> (*make)(Shape) = nullptr;
  std::uint64_t (*expected_sum)(int producer, std::uint64_t items) = nullptr;
  /// Runs and checks a slice by itself; `make` and `expected_sum` are of no use then.
  SliceResult (*run)(Shape shape, std::int64_t slice_ns) = nullptr;
  /// In bench-trace: all parties in one thread, by turns.
  void (*take_turns)(Shape, Turns, const std::function<void()>& ready) = nullptr;
};

using Entries = std::vector<Entry>;

/// All that this program measures; ours first. Defined once per program.
Entries all_entries();

/// Peers whose headers were not found when this program was built.
std::vector<std::string> left_out();

void add_iq(Entries& entries);
void add_iq_bytes(Entries& entries);
void add_iq_trips(Entries& entries);
void add_iq_typed(Entries& entries);
void add_boost_message_queue(Entries& entries);
void add_posix_mq(Entries& entries);
void add_pipe(Entries& entries);
void add_seqpacket(Entries& entries);
void add_vyukov(Entries& entries);
void add_boost_lockfree(Entries& entries);
void add_boost_spsc(Entries& entries);
void add_moodycamel(Entries& entries);
void add_rte_ring(Entries& entries);
void add_atomic_queue(Entries& entries);
void add_python(Entries& entries);
void add_raw_spsc(Entries& entries);
void add_bare_wakes(Entries& entries);
void add_price(Entries& entries);

}  // namespace bench
