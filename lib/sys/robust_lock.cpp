// A POSIX mutex, shared and robust: the kernel lets go of it when its holder dies, and tells the
// next one. What it protects has to be whole at every instruction, then.
//
// What it protects takes some ten nanoseconds, to fall asleep some thousand: so it tries for a
// while first.
#include "sys/robust_lock.hpp"

#include <pthread.h>

#include <cerrno>
#include <new>

#include "base/check.hpp"
#include "sys/process.hpp"
#include "sys/system_error.hpp"

namespace iq::detail {
namespace {

constexpr int kLockTries = 100;

pthread_mutex_t* mutex_at(std::byte* place) noexcept {
  return std::launder(reinterpret_cast<pthread_mutex_t*>(place));
}

}  // namespace

RobustLock::RobustLock() {
  static_assert(sizeof(pthread_mutex_t) <= sizeof mutex_);
  static_assert(alignof(pthread_mutex_t) <= 16);
  pthread_mutexattr_t kind;
  ::pthread_mutexattr_init(&kind);
  ::pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
  const int error = ::pthread_mutex_init(new (mutex_) pthread_mutex_t, &kind);
  ::pthread_mutexattr_destroy(&kind);
  if (error != 0) throw_errno("pthread_mutex_init", "cannot make a shared lock", error);
}

bool RobustLock::lock() noexcept {
  int answer = EBUSY;
  for (int i = 0; i < kLockTries && answer == EBUSY; ++i) {
    answer = ::pthread_mutex_trylock(mutex_at(mutex_));
    if (answer == EBUSY) pause_processor();
  }
  if (answer == EBUSY) answer = ::pthread_mutex_lock(mutex_at(mutex_));
  if (answer == EOWNERDEAD) ::pthread_mutex_consistent(mutex_at(mutex_));
  IQ_CHECK(answer == 0 || answer == EOWNERDEAD, answer);
  return answer == EOWNERDEAD;
}

void RobustLock::unlock() noexcept { ::pthread_mutex_unlock(mutex_at(mutex_)); }

}  // namespace iq::detail
