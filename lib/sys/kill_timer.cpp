// A POSIX timer whose signal is SIGKILL: it cannot be blocked or caught, and hits this process
// only, where somebody else who watches and kills by pid might hit the next one with that number.
#include "sys/kill_timer.hpp"

#include <csignal>
#include <ctime>

#include "sys/system_error.hpp"

namespace iq::detail {

KillTimer::KillTimer() {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) {
    throw_errno("timer_create", "cannot bound the time of an item", errno);
  }
}

KillTimer::~KillTimer() { ::timer_delete(timer_); }

void KillTimer::set(std::int64_t after_ns) noexcept {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  itimerspec time{};
  time.it_value = {after_ns / kSecondNs, after_ns % kSecondNs};
  ::timer_settime(timer_, 0, &time, nullptr);
}

}  // namespace iq::detail
