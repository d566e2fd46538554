// The board of a pipeline, and the window of an ordered stretch.
//
// The window holds back whoever gives out the numbers, and nobody else: everything that has a
// number can always go on, so the lowest one does, and the window moves. One process waits, one
// releases. Sleeps are bounded, so a releaser that was killed costs time only.
#include "pipeline/board.hpp"

#include <fmt/format.h>

#include <new>

#include "iq/detail/pipeline_hooks.hpp"
#include "iq/detail/pipeline_order.hpp"
#include "iq/detail/pipeline_stage.hpp"
#include "sys/futex.hpp"
#include "sys/kill_timer.hpp"
#include "sys/process.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kLongestNapNs = 25'000'000;

constexpr std::size_t kBoardLineBytes = 128;
constexpr std::size_t round_up(std::size_t bytes) {
  return (bytes + kBoardLineBytes - 1) / kBoardLineBytes * kBoardLineBytes;
}

}  // namespace

PipelineBoard::PipelineBoard(std::size_t stages, std::size_t workers)
    : memory_(Mapping::inherited(round_up(sizeof(BoardHead)) + stages * sizeof(OrderWindow) +
                                 workers * sizeof(WorkerLine) + round_up(sizeof(FiguresHead)) +
                                 (stages + 1) * sizeof(WholeValue<StageFigures>))) {
  std::byte* at = memory_.data();
  head_ = new (at) BoardHead;
  at += round_up(sizeof(BoardHead));
  windows_ = reinterpret_cast<OrderWindow*>(at);
  for (std::size_t i = 0; i < stages; ++i) new (&windows_[i]) OrderWindow;
  at += stages * sizeof(OrderWindow);
  lines_ = reinterpret_cast<WorkerLine*>(at);
  for (std::size_t i = 0; i < workers; ++i) new (&lines_[i]) WorkerLine;
  at += workers * sizeof(WorkerLine);
  figures_head_ = new (at) FiguresHead;
  at += round_up(sizeof(FiguresHead));
  figures_ = reinterpret_cast<WholeValue<StageFigures>*>(at);
  for (std::size_t i = 0; i <= stages; ++i) new (&figures_[i]) WholeValue<StageFigures>;
}

WorkerShift::WorkerShift(WorkerLine& line, bool in_thread) noexcept
    : line_(line), in_thread_(in_thread) {
  line_.starts.fetch_add(1);
  line_.thread.store(thread_id());
}

WorkerShift::~WorkerShift() {
  line_.cpu_ns.fetch_add(own_cpu_ns(in_thread_));
  line_.thread.store(0);
}

ItemTimer::ItemTimer(std::int64_t timeout_ns) : timeout_ns_(timeout_ns) {
  if (timeout_ns != 0) timer_ = std::make_unique<KillTimer>();
}

ItemTimer::~ItemTimer() = default;

void ItemTimer::set(std::int64_t after_ns) noexcept { timer_->set(after_ns); }

// Who waits says so, then looks; who releases or ends writes, then asks whether somebody waits: all
// of it in one order, so that one of the two sees the other. `changes` is read before the look: a
// ring behind that ends the sleep.
bool OrderWindow::await(std::uint64_t number) noexcept {
  if (number - released.load(std::memory_order_acquire) < items) return true;
  for (;;) {
    const std::uint32_t seen = changes.load(std::memory_order_seq_cst);
    waits.store(1, std::memory_order_seq_cst);
    if (number - released.load(std::memory_order_seq_cst) < items) break;
    if (ending.load(std::memory_order_seq_cst) != 0) return false;
    futex_wait(changes, seen, kLongestNapNs);
  }
  waits.store(0, std::memory_order_relaxed);
  return true;
}

// A quarter at a time: the one that waits is not woken for each item. There is a multiple of the
// quarter among any `items` numbers, so the one that waits is rung for before all have left.
void OrderWindow::release(std::uint64_t next) noexcept {
  if (next % (items / 4 + 1) != 0) return released.store(next, std::memory_order_release);
  released.store(next, std::memory_order_seq_cst);
  if (waits.load(std::memory_order_seq_cst) == 0) return;
  changes.fetch_add(1, std::memory_order_seq_cst);
  futex_wake(changes, 1);
}

void OrderWindow::end() noexcept {
  ending.store(1, std::memory_order_seq_cst);
  changes.fetch_add(1, std::memory_order_seq_cst);
  futex_wake(changes, 1);
}

void refuse_number(std::uint64_t number, std::uint64_t next, std::uint64_t items) {
  throw Corrupt(fmt::format(
      "a pipeline restores the order of its items: number {} came, {} to {} can. An item was lost "
      "or doubled: this is a fault of the library",
      number, next, next + items - 1));
}

// What follows from an item that was given up, whose number the conductor tells.
void refuse_hole(std::uint64_t number) {
  throw Stopped(fmt::format(
      "a pipeline restores the order of its items: they ended, number {} did not come", number));
}

void refuse_second_result() {
  throw BadArgument(
      "an error handler of an ordered stage put a second result for one item: a stage that keeps "
      "the order has at most one. Leave .ordered out, or put a container");
}

void refuse_rest(const WorkerLine& line) {
  const std::uint64_t item = line.item.load();
  throw Error(Errc::pipeline_failed,
              fmt::format("its predecessor was killed when it had passed on part of what it made "
                          "of item {}: the rest is lost. Give the stage a .capacity that holds "
                          "all of it, so that it goes out at once, and may be done again",
                          item == 0 ? 0 : item - 1));
}

void require_not_ending(const std::atomic<std::uint32_t>& ending) {
  if (ending.load() != 0)
    throw Stopped("the pipeline is being ended: what this worker has put is not all");
}

}  // namespace iq::detail
