// This library with items that it encodes: strings, and structs with a vector. Their rows are
// compared with as many raw bytes (iq::Bytes).
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "workload.hpp"

namespace bench {
namespace {

inline constexpr std::size_t kTypedBytes = 256;

using Words = Item<kTypedBytes>;

struct SeenBytes {
  const void* data;

  template <class Bytes>
  static SeenBytes of(const Bytes& bytes) {
    if (bytes.size() != kTypedBytes) throw std::runtime_error("an item of another size");
    return {bytes.data()};
  }
  std::uint64_t word(std::size_t i) const noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, static_cast<const std::byte*>(data) + i * sizeof word, sizeof word);
    return word;
  }
  Tag tag() const noexcept { return word(0); }
  std::uint64_t sum() const noexcept {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < Words::kWords; ++i) all += word(i);
    return all;
  }
};

// How an Item is made a value, once, how the value gets another tag, and what is checked of one
// that was received, where it lies.
struct Text {
  using Value = std::string;
  using Queued = std::string;

  static Value make(const Words& item) {
    return {reinterpret_cast<const char*>(&item), sizeof item};
  }
  static void set(Value& text, Tag tag) {
    std::memcpy(text.data(), &tag, sizeof tag);
    std::memcpy(text.data() + kTypedBytes - sizeof tag, &tag, sizeof tag);
  }
  static SeenBytes seen(std::string_view text) { return SeenBytes::of(text); }
};

// The same text, seen where it lies.
struct ShownText : Text {
  using Queued = iq::TextView;
};

// The words as members of a struct, 30 of 32 in a vector.
struct Order {
  std::uint64_t first = 0;
  std::vector<std::uint64_t> parts;
  std::uint64_t last = 0;
};
template <class Queued>
struct SeenOrder {
  const Queued& order;

  Tag tag() const noexcept { return order.first; }
  std::uint64_t sum() const noexcept {
    // As many as the others' at compile time: what is checked is the same, its instructions too.
    std::uint64_t all = order.first + order.last;
    const std::uint64_t* const parts = order.parts.data();
    for (std::size_t i = 0; i < Words::kWords - 2; ++i) all += parts[i];
    return all;
  }
};

struct Aggregate {
  using Value = Order;
  using Queued = Order;

  static Value make(const Words& item) {
    return {item.words.front(), {item.words.begin() + 1, item.words.end() - 1}, item.words.back()};
  }
  static void set(Value& order, Tag tag) { order.first = order.last = tag; }
  template <class Queued>
  static SeenOrder<Queued> seen(const Queued& order) {
    if (order.parts.size() != Words::kWords - 2) throw std::runtime_error("other parts");
    return {order};
  }
};

// The same struct, but its parts are seen where they lie.
struct OrderView {
  std::uint64_t first = 0;
  iq::ArrayView<std::uint64_t> parts;
  std::uint64_t last = 0;
};
struct ShownAggregate : Aggregate {
  using Queued = OrderView;
};

// As many bytes without a type: what the others are compared with.
struct Raw {
  using Value = iq::Bytes;
  using Queued = iq::Bytes;

  static Value make(const Words& item) {
    return iq::Bytes(iq::BytesView(std::as_bytes(std::span(&item, 1))));
  }
  static void set(Value& bytes, Tag tag) {
    std::memcpy(bytes.data(), &tag, sizeof tag);
    std::memcpy(bytes.data() + kTypedBytes - sizeof tag, &tag, sizeof tag);
  }
  static SeenBytes seen(std::span<const std::byte> bytes) { return SeenBytes::of(bytes); }
};

// The same, copied out by who reads them: no object of a reader's own can be had for less.
struct Copied : Raw {
  static Words seen(std::span<const std::byte> bytes) {
    Words words;
    std::memcpy(&words, SeenBytes::of(bytes).data, sizeof words);
    asm volatile("" : : "r"(&words) : "memory");  // all of it
    return words;
  }
};

template <class Kind>
class IqTyped {
 public:
  using Item = Words;
  using Value = typename Kind::Value;
  using Queued = typename Kind::Queued;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit IqTyped(Shape shape) : queue_(iq::create_only, name_, {.capacity = shape.capacity}) {}
  ~IqTyped() { attached(); }

  void attached() {
    if (getpid() != maker_ || queue_.is_closed()) return;
    queue_.close();
    iq::remove(name_);
  }

  // The values are there already, as a user's would be, and as many are written ahead as of other
  // peers' small items.
  struct Producer {
    iq::Producer<Queued> out;
    std::vector<Value> values = std::vector<Value>(kBulk, Kind::make(filled()));
    std::size_t next = kBulk;

    bool put(std::span<const Item, 1> item) {
      if (next == kBulk) {
        next = 0;
        for (std::size_t i = 0; i < kBulk; ++i) Kind::set(values[i], item.front().tag() + i);
      }
      put(values[next++]);
      return true;
    }
    void put(const Value& value) {
      if constexpr (std::is_same_v<Queued, OrderView>) {
        out.put({value.first, value.parts, value.last});
      } else {
        out.put(value);
      }
    }
    static Item filled() {
      Item item;
      item.words.fill(kFiller);
      return item;
    }
  };
  struct Consumer {
    iq::Consumer<Queued> in;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      for (const auto& value : in) visit(Kind::seen(value));
    }
  };
  Producer producer(int) const { return {open().get_producer()}; }
  Consumer consumer(int) const { return {open().get_consumer()}; }
  void finish() {}
  std::uint64_t take_overs() const { return queue_.stats().taken_over; }

 private:
  iq::IterableQueue<Queued> open() const { return {iq::open_only, name_}; }

  pid_t maker_ = getpid();
  std::string name_ = "bench-typed-" + std::to_string(maker_);
  iq::IterableQueue<Queued> queue_;
};

}  // namespace

void add_iq_typed(Entries& entries) {
  entries.push_back(entry<IqTyped<Raw>>("iq", "raw_bytes"));
  for (Entry typed :
       {entry<IqTyped<Copied>>("iq", "bytes_copied"), entry<IqTyped<Text>>("iq", "string"),
        entry<IqTyped<ShownText>>("iq", "text_view"), entry<IqTyped<Aggregate>>("iq", "aggregate"),
        entry<IqTyped<ShownAggregate>>("iq", "aggregate_view")}) {
    typed.against = "raw_bytes";
    entries.push_back(std::move(typed));
  }
}

}  // namespace bench
