// A pair of sockets that keep messages apart. All producers share one, all consumers the other.
#include <sys/socket.h>

#include <array>
#include <stdexcept>

#include "peers/descriptors.hpp"
#include "trips.hpp"

namespace bench {
namespace {

inline constexpr std::size_t kLargest = 65'536;  // fits into the buffer that Linux gives

template <std::size_t kBytes>
class Seqpacket {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit Seqpacket(Shape) : Seqpacket(make()) {}
  void attached() {
    to_.close();
    from_.close();
  }

  struct Producer {
    Descriptor to;
    bool put(std::span<const Item, 1> item) {
      const ssize_t sent = ::send(to.number(), item.data(), sizeof(Item), 0);
      if (sent != static_cast<ssize_t>(sizeof(Item))) fail_call("send");
      return true;
    }
  };
  struct Consumer {
    Descriptor from;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      Item item;
      for (;;) {
        const ssize_t got = ::recv(from.number(), &item, sizeof item, 0);
        if (got < 0) fail_call("recv");
        if (got == 0) return;
        if (got != static_cast<ssize_t>(sizeof item)) {
          throw std::runtime_error("an item of another size");
        }
        visit(std::as_const(item));
      }
    }
  };
  Producer producer(int) { return {to_.take(from_)}; }
  Consumer consumer(int) { return {from_.take(to_)}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  explicit Seqpacket(std::array<int, 2> ends) : from_(ends[0]), to_(ends[1]) {}
  static std::array<int, 2> make() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      fail_call("socketpair");
    }
    return ends;
  }

  Descriptor from_;
  Descriptor to_;
};

}  // namespace

void add_seqpacket(Entries& entries) {
  for_each_size<kLargest>(
      [&]<std::size_t kBytes>() { entries.push_back(entry<Seqpacket<kBytes>>("seqpacket")); });
  for_each(VariableSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<Seqpacket<kBytes>>("seqpacket", "variable"));
  });
  add_sleeping<Seqpacket<kTripBytes>>(entries, "seqpacket");
}

}  // namespace bench
