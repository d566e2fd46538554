// Boost.Interprocess message_queue: a mutex and a condition in shared memory. It blocks by itself,
// and knows no end: the last producer sends every consumer an item that says so.
#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>

#include "trips.hpp"

namespace bench {
namespace {

namespace bi = boost::interprocess;
inline constexpr Tag kEnd = 0;  // no item has this tag

template <std::size_t kBytes>
class BoostMessageQueue {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit BoostMessageQueue(Shape shape)
      : consumers_(shape.consumers),
        queue_(bi::create_only, name().c_str(), slots_for(kBytes), sizeof(Item)) {
    bi::message_queue::remove(name().c_str());  // forked children have the mapping
  }
  void attached() {}

  struct Producer {
    bi::message_queue& queue;
    bool put(std::span<const Item, 1> item) {
      queue.send(item.data(), sizeof(Item), 0);
      return true;
    }
  };
  struct Consumer {
    bi::message_queue& queue;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      const auto item = std::make_unique<Item>();
      for (;;) {
        bi::message_queue::size_type size = 0;
        unsigned priority = 0;
        queue.receive(item.get(), sizeof(Item), size, priority);
        if (item->tag() == kEnd) return;
        visit(std::as_const(*item));
      }
    }
  };
  Producer producer(int) { return {queue_}; }
  Consumer consumer(int) { return {queue_}; }
  void finish() {
    const auto end = std::make_unique<Item>();
    for (int i = 0; i < consumers_; ++i) queue_.send(end.get(), sizeof(Item), 0);
  }
  std::uint64_t take_overs() const { return 0; }

 private:
  static std::string name() { return "iq-bench-" + std::to_string(getpid()); }

  int consumers_;
  bi::message_queue queue_;
};

}  // namespace

void add_boost_message_queue(Entries& entries) {
  for_each_size([&]<std::size_t kBytes>() {
    entries.push_back(entry<BoostMessageQueue<kBytes>>("boost-mq"));
  });
  for_each(VariableSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<BoostMessageQueue<kBytes>>("boost-mq", "variable"));
  });
  add_sleeping<BoostMessageQueue<kTripBytes>>(entries, "boost-mq");
}

}  // namespace bench
