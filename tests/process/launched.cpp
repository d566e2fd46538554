// The program that tests/process/exec.cpp and restarts.cpp launch: `launched VERB [WORD] TOKENS…`.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "launched.hpp"

namespace {

struct Arguments {
  int count;
  char** words;
  const char* last(int back = 0) const { return words[count - 1 - back]; }
  int number() const { return std::atoi(words[2]); }
};

/// Puts what went wrong where the test reads it, as items.
int say_error(const iq::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return static_cast<int>(error.code());
}

[[noreturn]] void wait_for_death() {
  for (;;) ::pause();
}

int put(const Arguments& a) {
  auto out = iq::Producer<int>::from_token(a.last());
  for (int i = 0; i < a.number(); ++i) out.put(i);
  return 0;
}

int square(const Arguments& a) {
  auto in = iq::Consumer<int>::from_token(a.last(1));
  auto out = iq::Producer<int>::from_token(a.last());
  for (const int n : in) out.put(n * n);
  return 0;
}

int twice(const Arguments& a) {
  auto out = iq::Producer<int>::from_token(a.last());
  try {
    auto again = iq::Producer<int>::from_token(a.last());
  } catch (const iq::Closed&) {
    out.put(1);
    return 0;
  }
  return 1;
}

int in_child(const Arguments& a) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      auto out = iq::Producer<int>::from_token(a.last());
    } catch (const iq::WrongProcess&) {
      ::_exit(7);
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) != 7) return 1;
  auto out = iq::Producer<int>::from_token(a.last());
  out.put(WEXITSTATUS(status));
  return 0;
}

int without_descriptors(const Arguments& a) {
  ::close_range(3, ~0U, 0);
  auto out = iq::Producer<int>::from_token(a.last());
  out.put(1);
  return 0;
}

int wrong_type(const Arguments& a) {
  auto out = iq::Producer<Other>::from_token(a.last());
  return 0;
}

int wrong_end(const Arguments& a) {
  auto in = iq::Consumer<int>::from_token(a.last());
  return 0;
}

int ignore_term(const Arguments& a) {
  ::signal(SIGTERM, SIG_IGN);
  auto out = iq::Producer<int>::from_token(a.last());
  out.put(static_cast<int>(::getpid()));
  wait_for_death();
}

// Takes one item, tells it and its delivery, dies with the item in hand; the next one goes on.
int die_with_first(const Arguments& a) {
  auto in = iq::Consumer<int>::from_token(a.last(1));
  auto out = iq::Producer<int>::from_token(a.last());
  for (const int n : in) {
    out.put(n * 10 + static_cast<int>(in.deliveries()));
    if (in.deliveries() == 1) ::raise(SIGKILL);
  }
  return 0;
}

// Each process relays two items and dies with the third in hand. The consumer's token comes first:
// what a predecessor noted cannot be looked up before the producer's queue is there.
int relay_two(const Arguments& a) {
  auto in = iq::Consumer<int>::from_token(a.last(1));
  auto out = iq::Producer<int>::from_token(a.last());
  int passed = 0;
  iq::relay(in, out, [&](int n) {
    if (++passed == 3) ::raise(SIGKILL);
    return n;
  });
  return 0;
}

int leave_without_closing(const Arguments& a) {
  auto out = iq::Producer<int>::from_token(a.last());
  out.put(1);
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<int(const Arguments&)>> verbs = {
      {"put", put},
      {"square", square},
      {"twice", twice},
      {"in_child", in_child},
      {"without_descriptors", without_descriptors},
      {"wrong_type", wrong_type},
      {"wrong_end", wrong_end},
      {"ignore_term", ignore_term},
      {"die_with_first", die_with_first},
      {"relay_two", relay_two},
      {"leave_without_closing", leave_without_closing},
      {"ignore", [](const Arguments& a) { return a.number(); }},
      {"die", [](const Arguments&) { return ::raise(SIGKILL); }},
  };
  try {
    return verbs.at(argv[1])({argc, argv});
  } catch (const iq::Error& error) {
    return say_error(error);
  }
}
