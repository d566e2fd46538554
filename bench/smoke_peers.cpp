// The peers of bench-smoke: those that need no more packages than the tests, and two that fail.
#include <cstdlib>

#include "workload.hpp"

namespace bench {
namespace {

// Loses everything, or crashes as soon as it has a producer, however short the slice.
template <bool kCrashes>
class Broken {
 public:
  using Item = bench::Item<8>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit Broken(Shape) {}
  void attached() {}

  struct Producer {
    bool put(std::span<const Item, 1>) { return true; }
  };
  struct Consumer {
    template <class Visit>
    void drain(Visit visit, const Arena& arena) {
      std::array<Item, 1> nothing{};
      poll_until_over(
          nothing, [](auto&) { return std::size_t{0}; }, visit, arena);
    }
  };
  Producer producer(int) {
    if (kCrashes) std::abort();
    return {};
  }
  Consumer consumer(int) { return {}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }
};

}  // namespace

Entries all_entries() {
  Entries entries;
  add_iq(entries);
  add_iq_bytes(entries);
  add_iq_trips(entries);
  add_iq_typed(entries);
  add_boost_message_queue(entries);
  add_posix_mq(entries);
  add_pipe(entries);
  add_seqpacket(entries);
  add_vyukov(entries);
  add_boost_lockfree(entries);
  add_boost_spsc(entries);
  add_python(entries);
  add_raw_spsc(entries);
  add_bare_wakes(entries);
  add_price(entries);
  entries.push_back(entry<Broken<false>>("loses"));
  entries.push_back(entry<Broken<true>>("crashes"));
  return entries;
}

std::vector<std::string> left_out() { return {}; }

}  // namespace bench
