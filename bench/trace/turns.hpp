// All parties of a queue in one thread, by turns: under a tool that writes down each access, what
// each of them would take from another core's cache can be counted afterwards (lines.py).
#pragma once

#include <ucontext.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "arena.hpp"
#include "item.hpp"
#include "peer.hpp"

namespace bench {

inline constexpr int kTurnItems = 32;  ///< of one producer; the consumers share what was put
inline constexpr int kLeadTurns = 4;   ///< of all producers, before the first consumer's

/// Written to say whose accesses follow: producers, then consumers, then these.
inline constexpr int kNobody = 62;
inline constexpr int kCountFromHere = 63;
extern std::array<std::uint64_t, 64> turn_marks;
inline void mark_turn(int party) noexcept {
  static_cast<volatile std::uint64_t&>(turn_marks[static_cast<std::size_t>(party)]) = 1;
}

/// A function with a stack of its own, which gives the thread back when it likes.
class Strand {
 public:
  explicit Strand(std::function<void(Strand&)> function);
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  void resume();  ///< until it pauses
  void pause();   ///< inside

 private:
  static void run(unsigned high, unsigned low);

  std::function<void(Strand&)> function_;
  std::vector<std::byte> stack_;
  ucontext_t inside_{};
  ucontext_t outside_{};
};

/// Makes a queue, calls `ready` when all have their ends, and runs until `turns` are over; the
/// consumers are left where they are then.
template <Peer P>
void take_turns(Shape shape, Turns turns, const std::function<void()>& ready) {
  P peer(shape);
  Arena arena;
  arena.producers_left = 1;  // nobody is ever gone
  using Producer = std::remove_cvref_t<decltype(peer.producer(0))>;
  std::vector<std::unique_ptr<Producer>> producers;
  for (int i = 0; i < shape.producers; ++i) {
    producers.push_back(std::make_unique<Producer>(peer.producer(i)));
  }
  const int share = kTurnItems * shape.producers / shape.consumers;
  std::vector<std::unique_ptr<Strand>> consumers;
  for (int i = 0; i < shape.consumers; ++i) {
    consumers.push_back(std::make_unique<Strand>([&peer, &arena, i, share](Strand& self) {
      auto in = peer.consumer(i);
      self.pause();  // it is there
      std::uint64_t sum = 0;
      int left = share;
      in.drain(
          [&](const auto& item) __attribute__((always_inline)) {
            sum += item.sum();
            if (--left != 0) return;
            left = share;
            static_cast<volatile std::uint64_t&>(turn_marks[kNobody]) = sum;
            self.pause();
          },
          arena);
    }));
    consumers.back()->resume();
  }
  peer.attached();
  ready();

  std::vector<typename P::Item> items(kTurnItems);
  for (auto& item : items) item.words.fill(kFiller);
  std::uint64_t count = 0;
  const auto all_put = [&] {
    for (std::size_t p = 0; p < producers.size(); ++p) {
      for (auto& item : items) item.set(first_tag(static_cast<int>(p)) + count++);
      mark_turn(static_cast<int>(p));
      for (std::size_t i = 0; i < items.size(); i += P::kBatch) {
        const auto batch = std::span(std::as_const(items)).subspan(i).template first<P::kBatch>();
        if (!producers[p]->put(batch)) throw std::runtime_error("the queue is full");
      }
      mark_turn(kNobody);
    }
  };
  for (int i = 0; i < kLeadTurns; ++i) all_put();
  for (int i = 0; i < turns.warm + turns.counted; ++i) {
    if (i == turns.warm) mark_turn(kCountFromHere);
    all_put();
    for (std::size_t c = 0; c < consumers.size(); ++c) {
      mark_turn(shape.producers + static_cast<int>(c));
      consumers[c]->resume();
      mark_turn(kNobody);
    }
  }
}

}  // namespace bench
