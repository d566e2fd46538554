// Limits of round trips: a word in a line of its own that the other process spins on, or sleeps on
// with a futex. Not queues: only one word is handed over, and the next may overwrite it.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>

#include "trips.hpp"

namespace bench {
namespace {

template <bool kSleeps>
class Word {
 public:
  using Item = bench::Item<kTripBytes>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit Word(Shape) {}
  void attached() {}

  struct Line {
    alignas(kApart) std::atomic<std::uint32_t> word{0};  // the lower half of the tag

    void set(std::uint32_t value) noexcept {
      word.store(value, std::memory_order_release);
      if (kSleeps) ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    }
    void wait_while(std::uint32_t value, Backoff& backoff) noexcept {
      if (kSleeps) {
        ::syscall(SYS_futex, &word, FUTEX_WAIT, value, nullptr, nullptr, 0);
      } else {
        backoff.wait();
      }
    }
  };
  struct Producer {
    Line& line;
    bool put(std::span<const Item, 1> item) {
      line.set(static_cast<std::uint32_t>(item.front().tag()));
      return true;
    }
  };
  struct Consumer {
    Line& line;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      Item item;
      item.words.fill(kFiller);
      Backoff backoff;
      for (std::uint32_t last = 0;;) {
        const std::uint32_t word = line.word.load(std::memory_order_acquire);
        if (word == kEnd) return;
        if (word == last) {
          line.wait_while(word, backoff);
          continue;
        }
        last = word;
        item.set(word);
        visit(std::as_const(item));
      }
    }
  };
  Producer producer(int) const { return {*line_}; }
  Consumer consumer(int) const { return {*line_}; }
  void finish() { line_->set(kEnd); }
  std::uint64_t take_overs() const { return 0; }

 private:
  static constexpr std::uint32_t kEnd = UINT32_MAX;

  SharedBlock<Line> line_;
};

}  // namespace

void add_bare_wakes(Entries& entries) {
  add_spinning<Word<false>>(entries, "line", true);
  add_sleeping<Word<true>>(entries, "futex", true);
}

}  // namespace bench
