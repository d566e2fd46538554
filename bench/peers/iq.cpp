// This library: one by one with put(), in bulk with put_all(); taken by iteration in both.
#include "iq/iq.hpp"

#include <unistd.h>

#include <string>

#include "workload.hpp"

namespace bench {
namespace {

template <std::size_t kBytes, std::size_t kItemsPerPut>
class Iq {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kItemsPerPut;

  explicit Iq(Shape) : queue_(iq::create_only, name_) {}
  ~Iq() { attached(); }

  // By now everybody is in: the name is of no use, and nobody else will produce.
  void attached() {
    if (getpid() != maker_ || queue_.is_closed()) return;
    queue_.close();
    iq::remove(name_);
  }

  struct Producer {
    iq::Producer<Item> out;
    bool put(std::span<const Item, kBatch> batch) {
      if constexpr (kBatch == 1) {
        out.put(batch.front());
      } else {
        out.put_all(batch);
      }
      return true;
    }
  };
  struct Consumer {
    iq::Consumer<Item> in;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      for (const Item& item : in) visit(item);
    }
  };
  Producer producer(int) const { return {open().get_producer()}; }
  Consumer consumer(int) const { return {open().get_consumer()}; }
  void finish() {}
  std::uint64_t take_overs() const { return queue_.stats().taken_over; }

 private:
  iq::IterableQueue<Item> open() const { return {iq::open_only, name_}; }

  pid_t maker_ = getpid();
  std::string name_ = "bench-" + std::to_string(maker_);
  iq::IterableQueue<Item> queue_;
};

}  // namespace

void add_iq(Entries& entries) {
  for_each_size([&]<std::size_t kBytes>() {
    entries.push_back(entry<Iq<kBytes, 1>>("iq"));
    entries.push_back(entry<Iq<kBytes, kBulk>>("iq"));
  });
}

}  // namespace bench
