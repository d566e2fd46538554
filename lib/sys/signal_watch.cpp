// SIGINT and SIGTERM as something to wait for, while somebody waits.
//
// A handler, not a signalfd: that would need the signals blocked in every thread of a program that
// is not ours. The handler writes a byte into a pipe per watcher and does nothing else; user code
// may have closed that pipe, so its inode is looked at first. A child that the program forks
// meanwhile inherits the handler: there it gives the program's own one back and raises the signal
// again. So it does when all that are watched for have ended, though nobody has noticed yet: a
// Ctrl-C is never swallowed.
#include "sys/signal_watch.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "sys/fork_guard.hpp"

namespace iq::detail {
namespace {

constexpr int kWatched[] = {SIGINT, SIGTERM};

// Written under the ForkGuard; what the handler reads is atomic.
using Ended = std::atomic<std::uint32_t>;
struct Watchers {
  std::array<std::atomic<int>, 16> events;            // descriptor + 1 of each, 0: free
  std::array<FileId, 16> pipes{};                     // what it must stand for
  std::array<std::atomic<const Ended*>, 16> ended{};  // null: as long as it is watched
  std::atomic<int> inside{0};                         // handlers that may still use a descriptor
  std::atomic<std::uint64_t> generation{0};
  struct sigaction before[std::size(kWatched)]{};
  std::atomic<bool> ours[std::size(kWatched)]{};
  int count = 0;
};
constinit Watchers watchers;

void give_back(std::size_t which) noexcept {
  if (watchers.ours[which]) ::sigaction(kWatched[which], &watchers.before[which], nullptr);
  watchers.ours[which] = false;
}

bool tell_watchers(int signal) noexcept {
  const auto byte = static_cast<unsigned char>(signal);
  bool is_taken = false;
  watchers.inside.fetch_add(1);
  for (std::size_t i = 0; i < watchers.events.size(); ++i) {
    const int number = watchers.events[i].load() - 1;
    const Ended* const ended = watchers.ended[i].load();
    if (number < 0 || (ended != nullptr && ended->load() != 0)) continue;
    is_taken = true;
    if (try_file_id(number) != watchers.pipes[i]) continue;
    static_cast<void>(!::write(number, &byte, 1));
  }
  watchers.inside.fetch_sub(1);
  return is_taken;
}

void on_signal(int signal) noexcept {
  const int saved = errno;
  const bool is_ours = watchers.generation.load(std::memory_order_relaxed) == process_generation();
  if (!is_ours || !tell_watchers(signal)) {
    const std::size_t which = signal == kWatched[0] ? 0 : 1;
    ::sigaction(signal, &watchers.before[which], nullptr);
    watchers.ours[which] = false;
    ::raise(signal);
  }
  errno = saved;
}

void take_over_signals() noexcept {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(kWatched); ++i) {
    if (watchers.ours[i]) continue;
    ::sigaction(kWatched[i], nullptr, &watchers.before[i]);
    // Told to ignore it (nohup, a background job of a shell): so be it.
    if (watchers.before[i].sa_handler == SIG_IGN) continue;
    watchers.ours[i] = ::sigaction(kWatched[i], &action, nullptr) == 0;
  }
}

// What was inherited through a fork in the midst of a watch belongs to the parent.
void forget_parents_watch() noexcept {
  if (watchers.generation.load(std::memory_order_relaxed) == process_generation()) return;
  for (auto& event : watchers.events) event.store(0);
  for (std::size_t i = 0; i < std::size(kWatched); ++i) {
    struct sigaction now {};
    ::sigaction(kWatched[i], nullptr, &now);
    if (now.sa_handler == on_signal) give_back(i);
    watchers.ours[i] = false;
  }
  watchers.count = 0;
  watchers.generation.store(process_generation(), std::memory_order_relaxed);
}

}  // namespace

SignalWatch::SignalWatch(bool wanted, const std::atomic<std::uint32_t>* ended) noexcept {
  if (!wanted) return;
  const ForkGuard guard;
  forget_parents_watch();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;  // the signals are not for us then
  event_ = Fd(ends[0]);
  far_ = Fd(ends[1]);
  event_ = std::move(event_).moved_high();
  far_ = std::move(far_).moved_high();
  for (std::size_t i = 0; place_ < 0 && i < watchers.events.size(); ++i) {
    if (watchers.events[i].load() != 0) continue;
    watchers.pipes[i] = try_file_id(far_.get()).value_or(FileId{});
    watchers.ended[i].store(ended);
    watchers.events[i].store(far_.get() + 1);
    place_ = static_cast<int>(i);
  }
  if (place_ < 0) event_.reset();  // too many at once
  if (!event_) return;
  ++watchers.count;
  take_over_signals();
}

SignalWatch::~SignalWatch() {
  if (place_ < 0) return;
  const ForkGuard guard;
  watchers.events[static_cast<std::size_t>(place_)].store(0);
  if (--watchers.count == 0) {
    for (std::size_t i = 0; i < std::size(kWatched); ++i) give_back(i);
  }
  while (watchers.inside.load() != 0) ::sched_yield();  // only then are the descriptors closed
}

SignalsSeen SignalWatch::take() noexcept {
  SignalsSeen seen;
  unsigned char byte = 0;
  while (event_ && ::read(event_.get(), &byte, 1) == 1) {
    ++(byte == SIGTERM ? seen.terminations : seen.interrupts);
  }
  return seen;
}

struct sigaction program_action(int signal) noexcept {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  if (action.sa_handler == on_signal) action = watchers.before[signal == kWatched[0] ? 0 : 1];
  return action;
}

}  // namespace iq::detail
