// A thread beside the one that reads a range which may be endless. When enough was said it gives
// the range's own code a second to come back; then it closes the producer in the reader's stead,
// says so on the board, and leaves with the whole process: what was put is in the queue, what was
// not does not belong to anybody. The reader, should it come back that very moment, stays where it
// is until the process is gone.
#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.hpp"
#include "iq/detail/steps_watch.hpp"
#include "sys/futex.hpp"
#include "work/worker_process.hpp"

namespace iq::detail {
namespace {

constexpr std::int64_t kWatchTurnNs = 50'000'000;
constexpr std::int64_t kRangePatienceNs = 1'000'000'000;

enum : std::uint32_t { kOutside = 0, kInside = 1, kCutOff = 2 };

}  // namespace

class RangeWatch::Watcher {
 public:
  Watcher(const std::atomic<std::uint32_t>& enough, WorkerLine& line, std::function<void()> close)
      : enough_(enough), line_(line), close_(std::move(close)), thread_([this] { watch(); }) {}
  ~Watcher() {
    ended_.store(1);
    futex_wake(ended_, 1);
    thread_.join();
  }

  void enter() noexcept { place_.store(kInside); }
  void leave() noexcept {
    std::uint32_t seen = kInside;
    if (place_.compare_exchange_strong(seen, kOutside)) return;
    while (true) futex_wait(place_, kCutOff, kWatchTurnNs);  // the process is about to go
  }

 private:
  void watch() {
    DeadlineNs patience_ends_ns = kForever;
    while (ended_.load() == 0) {
      futex_wait(ended_, 0, kWatchTurnNs);
      if (enough_.load() == 0) continue;
      if (patience_ends_ns == kForever) patience_ends_ns = now_ns() + kRangePatienceNs;
      if (now_ns() >= patience_ends_ns) cut_off();
    }
  }

  void cut_off() {
    std::uint32_t seen = kInside;
    if (!place_.compare_exchange_strong(seen, kCutOff)) return;
    line_.is_cut.store(1);
    close_();
    leave_worker_as_it_is(0);
  }

  const std::atomic<std::uint32_t>& enough_;
  WorkerLine& line_;
  std::function<void()> close_;
  std::atomic<std::uint32_t> place_{kOutside};
  std::atomic<std::uint32_t> ended_{0};
  std::thread thread_;
};

RangeWatch::RangeWatch(const std::atomic<std::uint32_t>& enough, WorkerLine& line,
                       std::function<void()> close)
    : watcher_(std::make_unique<Watcher>(enough, line, std::move(close))) {}
RangeWatch::~RangeWatch() = default;
void RangeWatch::enter() noexcept { watcher_->enter(); }
void RangeWatch::leave() noexcept { watcher_->leave(); }

}  // namespace iq::detail
