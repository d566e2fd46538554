// lib/base/check: what a broken invariant looks like.
#include "base/check.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "support/process.hpp"

namespace {

/// stderr of a child that runs `f`, and that it died by SIGABRT.
template <class F>
std::string text_of_abort(F f) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  iqtest::Child child = iqtest::spawn([&] {
    ::dup2(ends[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    f();
  });
  ::close(ends[1]);
  CHECK(child.wait() == iqtest::Exit{-1, SIGABRT});
  char text[2000];
  const ssize_t length = ::read(ends[0], text, sizeof text);
  ::close(ends[0]);
  return std::string(text, length > 0 ? static_cast<std::size_t>(length) : 0);
}

}  // namespace

TEST_CASE("IQ_CHECK: a condition that holds evaluates no value and does nothing") {
  int evaluated = 0;
  IQ_CHECK(evaluated == 0, ++evaluated);
  CHECK(evaluated == 0);
}

TEST_CASE("IQ_CHECK: a broken invariant aborts with place, condition and values") {
  const std::string text = text_of_abort([] {
    const unsigned long head = 9;
    const int tail = -3;
    IQ_CHECK(head == 0, head, tail, static_cast<int>(head) + 1);
  });
  CHECK(text.find("tests/base/check.cpp:") != std::string::npos);
  CHECK(text.find("broken invariant: head == 0 (head = 9, tail = -3, "
                  "static_cast<int>(head) + 1 = 10)\n") != std::string::npos);
}

TEST_CASE("IQ_CHECK: without values it says the condition alone") {
  const std::string text = text_of_abort([] { IQ_CHECK(1 + 1 == 3); });
  CHECK(text.ends_with("broken invariant: 1 + 1 == 3\n"));
}
