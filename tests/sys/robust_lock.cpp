// RobustLock: mutual exclusion between processes, and what becomes of it when a holder dies.
#include "sys/robust_lock.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <csignal>
#include <vector>

#include "support/process.hpp"

using iq::detail::RobustLock;

TEST_CASE("RobustLock: one at a time, across processes") {
  iqtest::Shared<RobustLock> lock;
  iqtest::Shared<long> sum(0L);
  std::vector<iqtest::Child> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(iqtest::spawn([&] {
      for (int n = 0; n < 20'000; ++n) {
        lock->lock();
        *sum = *sum + 1;
        lock->unlock();
      }
    }));
  }
  for (iqtest::Child& child : children) CHECK(child.wait().ok());
  CHECK(*sum == 80'000);
}

TEST_CASE("RobustLock: a holder that is killed lets go of it, and the next one is told once") {
  iqtest::Shared<RobustLock> lock;
  auto held = iqtest::shared_counter();
  auto child = iqtest::spawn([&] {
    lock->lock();
    ++*held;
    ::pause();
  });
  CHECK(iqtest::wait_until([&] { return *held == 1; }));
  child.kill();
  CHECK(lock->lock());
  lock->unlock();
  CHECK_FALSE(lock->lock());
  lock->unlock();
}
