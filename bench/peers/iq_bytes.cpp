// This library with payloads of any length: put() of bytes, taken by iteration and read in place.
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "iq/iq.hpp"
#include "workload.hpp"

namespace bench {
namespace {

template <std::size_t kBytes>
class IqBytes {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit IqBytes(Shape shape) : queue_(iq::create_only, name_, {.capacity = shape.capacity}) {}
  ~IqBytes() { attached(); }

  void attached() {
    if (getpid() != maker_ || queue_.is_closed()) return;
    queue_.close();
    iq::remove(name_);
  }

  struct Producer {
    iq::Producer<iq::Bytes> out;
    bool put(std::span<const Item, 1> item) {
      out.put(std::as_bytes(item));
      return true;
    }
  };
  struct Consumer {
    iq::Consumer<iq::Bytes> in;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      for (const std::span<const std::byte> bytes : in) {
        if (bytes.size() != sizeof(Item)) throw std::runtime_error("an item of another size");
        visit(*reinterpret_cast<const Item*>(bytes.data()));
      }
    }
  };
  Producer producer(int) const { return {open().get_producer()}; }
  Consumer consumer(int) const { return {open().get_consumer()}; }
  void finish() {}
  std::uint64_t take_overs() const { return queue_.stats().taken_over; }

 private:
  iq::IterableQueue<iq::Bytes> open() const { return {iq::open_only, name_}; }

  pid_t maker_ = getpid();
  std::string name_ = "bench-bytes-" + std::to_string(maker_);
  iq::IterableQueue<iq::Bytes> queue_;
};

}  // namespace

void add_iq_bytes(Entries& entries) {
  for_each(VariableSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<IqBytes<kBytes>>("iq", "variable"));
  });
}

}  // namespace bench
