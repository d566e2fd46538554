// This library in round trips: sleeping in a loop, or spinning with try_put and try_get.
#include <unistd.h>

#include <string>

#include "iq/iq.hpp"
#include "trips.hpp"

namespace bench {
namespace {

template <bool kSpins>
class IqTrips {
 public:
  using Item = bench::Item<kTripBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit IqTrips(Shape) : queue_(iq::create_only, name_) {}
  ~IqTrips() { attached(); }

  void attached() {
    if (getpid() != maker_ || queue_.is_closed()) return;
    queue_.close();
    iq::remove(name_);
  }

  struct Producer {
    iq::Producer<Item> out;
    bool put(std::span<const Item, 1> item) {
      if constexpr (kSpins) return out.try_put(item.front()) == iq::Status::ok;
      out.put(item.front());
      return true;
    }
  };
  struct Consumer {
    iq::Consumer<Item> in;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      if constexpr (!kSpins) {
        for (const Item& item : in) visit(item);
        return;
      }
      for (;;) {
        if (const auto item = in.try_get()) {
          visit(*item);
        } else if (item.status() == iq::Status::empty) {
          cpu_pause();
        } else {
          return;
        }
      }
    }
  };
  Producer producer(int) const { return {open().get_producer()}; }
  Consumer consumer(int) const { return {open().get_consumer()}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  iq::IterableQueue<Item> open() const { return {iq::open_only, name_}; }
  static std::string next_name() {
    static int number = 0;
    return "bench-trips-" + std::to_string(getpid()) + "-" + std::to_string(++number);
  }

  pid_t maker_ = getpid();
  std::string name_ = next_name();
  iq::IterableQueue<Item> queue_;
};

}  // namespace

void add_iq_trips(Entries& entries) {
  add_spinning<IqTrips<true>>(entries, "iq");
  add_sleeping<IqTrips<false>>(entries, "iq");
}

}  // namespace bench
