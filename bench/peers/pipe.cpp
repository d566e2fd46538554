// A pipe. Up to PIPE_BUF bytes are written at once or not at all, so several processes can share
// its ends; longer items are cut and need one writer and one reader. Items of any length have their
// length before them; then one reader reads as much as there is.
#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "peers/descriptors.hpp"
#include "trips.hpp"

namespace bench {
namespace {

inline constexpr int kPipeBytes = 1 << 20;  // the most that a user may ask for

enum class Way : unsigned char { single, bulk, variable };

template <std::size_t kBytes, Way kWay>
class Pipe {
 public:
  using Item = bench::Item<kBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = kWay == Way::bulk ? kBulk : 1;
  using Length = std::uint64_t;

  explicit Pipe(Shape) : Pipe(make()) {}
  void attached() {
    to_.close();
    from_.close();
  }

  struct Producer {
    Descriptor to;
    bool put(std::span<const Item, kBatch> batch) {
      if constexpr (kWay == Way::variable) {
        Length length = kBytes;
        Item item = batch.front();
        const std::array<iovec, 2> parts = {{{&length, sizeof length}, {&item, sizeof item}}};
        static_assert(sizeof length + sizeof item <= PIPE_BUF);
        if (::writev(to.number(), parts.data(), 2) < 0) fail_call("writev");
      } else {
        write_all(to.number(), batch.data(), batch.size_bytes());
      }
      return true;
    }
  };
  struct Consumer {
    Descriptor from;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      if constexpr (kWay == Way::variable) {
        drain_lengths(visit);
      } else {
        std::vector<Item> items(kBatch);
        for (;;) {
          const std::size_t got =
              read_items(from.number(), items.data(), kBatch * sizeof(Item), sizeof(Item));
          if (got == 0) return;
          for (std::size_t i = 0; i < got / sizeof(Item); ++i) visit(std::as_const(items[i]));
        }
      }
    }
    template <class Visit>
    void drain_lengths(Visit visit) {
      std::vector<char> buffer(65'536);
      std::size_t filled = 0;
      for (;;) {
        const ssize_t got = ::read(from.number(), buffer.data() + filled, buffer.size() - filled);
        if (got < 0) fail_call("read");
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
        std::size_t at = 0;
        Length length = 0;
        while (filled - at >= sizeof length) {
          std::memcpy(&length, buffer.data() + at, sizeof length);
          if (length != sizeof(Item)) throw std::runtime_error("an item of another size");
          if (filled - at < sizeof length + length) break;
          visit(*reinterpret_cast<const Item*>(buffer.data() + at + sizeof length));
          at += sizeof length + length;
        }
        std::memmove(buffer.data(), buffer.data() + at, filled - at);
        filled -= at;
      }
      if (filled != 0) throw std::runtime_error("the last item is cut off");
    }
  };
  Producer producer(int) { return {to_.take(from_)}; }
  Consumer consumer(int) { return {from_.take(to_)}; }
  void finish() {}
  std::uint64_t take_overs() const { return 0; }

 private:
  explicit Pipe(std::array<int, 2> ends) : from_(ends[0]), to_(ends[1]) {}
  static std::array<int, 2> make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_call("pipe");
    ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);  // refused: the default will do
    return ends;
  }

  Descriptor from_;
  Descriptor to_;
};

template <std::size_t kBytes, Way kWay>
void add_pipe(Entries& entries, std::string mode, Shape most) {
  Entry pipe = entry<Pipe<kBytes, kWay>>("pipe", std::move(mode));
  pipe.most = most;
  entries.push_back(std::move(pipe));
}

}  // namespace

void add_pipe(Entries& entries) {
  constexpr Shape kAny = {64, 64};
  for_each_size([&]<std::size_t kBytes>() {
    add_pipe<kBytes, Way::single>(entries, usual_mode<Pipe<kBytes, Way::single>>(),
                                  kBytes <= PIPE_BUF ? kAny : Shape{1, 1});
    if constexpr (kBytes * kBulk <= PIPE_BUF) add_pipe<kBytes, Way::bulk>(entries, "bulk", kAny);
  });
  for_each(VariableSizes{}, [&]<std::size_t kBytes>() {
    add_pipe<kBytes, Way::variable>(entries, "variable", {64, 1});
  });
  add_sleeping<Pipe<kTripBytes, Way::single>>(entries, "pipe");
}

}  // namespace bench
