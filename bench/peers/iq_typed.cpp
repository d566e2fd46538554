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

// How an Item is made a value, once, how the value gets another tag, and how it is read again.
struct Text {
  using Value = std::string;

  static Value make(const Item<kTypedBytes>& item) {
    return {reinterpret_cast<const char*>(&item), sizeof item};
  }
  static void set(Value& text, Tag tag) {
    std::memcpy(text.data(), &tag, sizeof tag);
    std::memcpy(text.data() + kTypedBytes - sizeof tag, &tag, sizeof tag);
  }
  template <class View>
  static Item<kTypedBytes> item_of(const View& text) {
    Item<kTypedBytes> item;
    if (text.size() != sizeof item) throw std::runtime_error("a text of another size");
    std::memcpy(&item, text.data(), sizeof item);
    return item;
  }
};

// The words as members of a struct, 30 of 32 in a vector.
struct Order {
  std::uint64_t first = 0;
  std::vector<std::uint64_t> parts;
  std::uint64_t last = 0;
};
struct Aggregate {
  using Value = Order;

  static Value make(const Item<kTypedBytes>& item) {
    return {item.words.front(), {item.words.begin() + 1, item.words.end() - 1}, item.words.back()};
  }
  static void set(Value& order, Tag tag) { order.first = order.last = tag; }
  template <class View>
  static Item<kTypedBytes> item_of(const View& order) {
    Item<kTypedBytes> item;
    if (order.parts.size() != item.words.size() - 2) throw std::runtime_error("other parts");
    item.words.front() = order.first;
    std::memcpy(&item.words[1], order.parts.data(), order.parts.size() * sizeof(std::uint64_t));
    item.words.back() = order.last;
    return item;
  }
};

// As many bytes without a type: what the others are compared with.
struct Raw {
  using Value = iq::Bytes;

  static Value make(const Item<kTypedBytes>& item) {
    return iq::Bytes(iq::BytesView(std::as_bytes(std::span(&item, 1))));
  }
  static void set(Value& bytes, Tag tag) {
    std::memcpy(bytes.data(), &tag, sizeof tag);
    std::memcpy(bytes.data() + kTypedBytes - sizeof tag, &tag, sizeof tag);
  }
  template <class View>
  static Item<kTypedBytes> item_of(const View& bytes) {
    Item<kTypedBytes> item;
    if (bytes.size() != sizeof item) throw std::runtime_error("bytes of another size");
    std::memcpy(&item, bytes.data(), sizeof item);
    return item;
  }
};

template <class Kind>
class IqTyped {
 public:
  using Item = bench::Item<kTypedBytes>;
  using Value = typename Kind::Value;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit IqTyped(Shape shape) : queue_(iq::create_only, name_, {.capacity = shape.capacity}) {}
  ~IqTyped() { attached(); }

  void attached() {
    if (getpid() != maker_ || queue_.is_closed()) return;
    queue_.close();
    iq::remove(name_);
  }

  // The value is there already, as a user's would be.
  struct Producer {
    iq::Producer<Value> out;
    Value value = Kind::make(filled());
    bool put(std::span<const Item, 1> item) {
      Kind::set(value, item.front().tag());
      out.put(value);
      return true;
    }
    static Item filled() {
      Item item;
      item.words.fill(kFiller);
      return item;
    }
  };
  struct Consumer {
    iq::Consumer<Value> in;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      for (const auto& value : in) visit(Kind::item_of(value));
    }
  };
  Producer producer(int) const { return {open().get_producer()}; }
  Consumer consumer(int) const { return {open().get_consumer()}; }
  void finish() {}
  std::uint64_t take_overs() const { return queue_.stats().taken_over; }

 private:
  iq::IterableQueue<Value> open() const { return {iq::open_only, name_}; }

  pid_t maker_ = getpid();
  std::string name_ = "bench-typed-" + std::to_string(maker_);
  iq::IterableQueue<Value> queue_;
};

}  // namespace

void add_iq_typed(Entries& entries) {
  entries.push_back(entry<IqTyped<Raw>>("iq", "raw_bytes"));
  for (Entry typed :
       {entry<IqTyped<Text>>("iq", "string"), entry<IqTyped<Aggregate>>("iq", "aggregate")}) {
    typed.against = "raw_bytes";
    entries.push_back(std::move(typed));
  }
}

}  // namespace bench
