// This library with items of one type: one by one with put(), in bulk with put_all(); large ones
// copied in and out, or written and read in place. Taken by iteration in all cases.
#include "iq/iq.hpp"

#include <unistd.h>

#include <string>

#include "workload.hpp"

namespace bench {
namespace {

enum class Way : unsigned char { single, bulk, copy, in_place };

template <std::size_t kBytes, Way kWay>
class Iq {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kWay == Way::bulk ? kBulk : 1;

  explicit Iq(Shape shape) : queue_(iq::create_only, name_, {.capacity = shape.capacity}) {}
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
      if constexpr (kWay == Way::bulk) {
        out.put_all(batch);
      } else if constexpr (kWay == Way::in_place) {
        auto place = out.loan();
        *place = batch.front();  // stands for whatever writes the item
        place.commit();
      } else {
        out.put(batch.front());
      }
      return true;
    }
  };
  struct Consumer {
    iq::Consumer<Item> in;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      if constexpr (kWay == Way::copy) {
        const auto mine = std::make_unique<Item>();
        for (const Item& item : in) {
          *mine = item;
          visit(std::as_const(*mine));
        }
      } else {
        for (const Item& item : in) visit(item);
      }
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
  for_each(SmallSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<Iq<kBytes, Way::single>>("iq"));
    entries.push_back(entry<Iq<kBytes, Way::bulk>>("iq"));
  });
  for_each(FreshSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<Fresh<Iq<kBytes, Way::single>>>("iq", kFreshMode));
  });
  for_each(PriceSizes{}, [&]<std::size_t kBytes>() {
    for (Entry price : {entry<Iq<kBytes, Way::single>>("iq", kSingleOnOneCore),
                        entry<Iq<kBytes, Way::bulk>>("iq", kBulkOnOneCore)}) {
      price.one_core = true;
      price.most = {1, 1};
      entries.push_back(std::move(price));
    }
  });
  for_each(LargeSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<Iq<kBytes, Way::copy>>("iq"));
    entries.push_back(entry<Iq<kBytes, Way::in_place>>("iq", "in_place"));
  });
}

}  // namespace bench
