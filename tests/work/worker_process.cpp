// How a worker begins and leaves: signals, stdio, exit handlers, exceptions.
#include "work/worker_process.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "crew_helpers.hpp"

using iq::WorkerEnd;
using iq::WorkerGroup;
using iqtest::Child;
using iqtest::join_failure;
using iqtest::Pipe;
using iqtest::require;
using iqtest::shared_counter;

namespace {

/// What a child writes to stdout while it runs `body`, buffered as into any pipe.
template <class Body>
std::string output_of(Body body) {
  Pipe pipe;
  Child child = iqtest::spawn([&] {
    ::dup2(pipe.write_end(), STDOUT_FILENO);
    pipe.close_write();
    std::setvbuf(stdout, nullptr, _IOFBF, 4096);
    body();
  });
  const auto text = pipe.read_all();
  REQUIRE(text.has_value());
  CHECK(child.wait().ok());
  return *text;
}

template <class Function>
iq::WorkerFailed failure_of(Function function) {
  WorkerGroup crew;
  crew.fork(1, function);
  return join_failure(crew);
}

iqtest::SharedCounter& handlers_run() {
  static iqtest::SharedCounter counter = shared_counter();
  return counter;
}

struct Unspeakable {};

}  // namespace

TEST_CASE("worker: what the parent had not yet written is written once") {
  std::string text = output_of([] {
    std::FILE* log = ::fdopen(::dup(STDOUT_FILENO), "w");
    std::printf("x");
    std::cout << "z";
    std::fprintf(log, "l");
    WorkerGroup crew;
    crew.fork(3, [log] {
      std::printf("y");
      std::fprintf(log, "m");
    });
    crew.join();
    std::printf("w");
    std::fclose(log);
  });
  std::sort(text.begin(), text.end());
  CHECK(text == "lmmmwxyyyz");
}

TEST_CASE("worker: its output is there when it throws and when it calls exit") {
  std::string text = output_of([] {
    WorkerGroup crew;
    crew.fork(2, [](int id) {
      std::printf("%d", id);
      if (id == 0) std::exit(0);
      throw 1;
    });
    join_failure(crew);
  });
  std::sort(text.begin(), text.end());
  CHECK(text == "01");
}

TEST_CASE("worker: the parent's exit handlers do not run in it") {
  *handlers_run() = 0;
  Child child = iqtest::spawn([] {
    std::atexit([] { ++*handlers_run(); });
    WorkerGroup crew;
    crew.fork(3, [](int id) {
      if (id == 1) std::exit(0);
      if (id == 2) throw 1;
    });
    join_failure(crew);
  });
  CHECK(child.wait().ok());
  CHECK(*handlers_run() == 0);
}

TEST_CASE("worker: exit handlers of its own run when it calls exit, a grandchild's do too") {
  *handlers_run() = 0;
  WorkerGroup crew;
  crew.fork(1, [] {
    std::atexit([] { ++*handlers_run(); });
    Child grandchild = iqtest::spawn([] { std::exit(6); });
    require(grandchild.wait() == iqtest::Exit{6, 0}, "it leaves with its own code");
    std::exit(7);
  });
  CHECK(join_failure(crew).exit_code() == 7);
  CHECK(*handlers_run() == 2);
}

TEST_CASE("worker: exit with 0 and _exit are failures too, the function did not return") {
  CHECK(failure_of([] { std::exit(0); }).outcome().end == WorkerEnd::exited);
  CHECK(failure_of([] { ::_exit(0); }).exit_code() == 0);
  CHECK(failure_of([] { ::_exit(200); }).exit_code() == 200);
}

TEST_CASE("worker: type and text of an exception cross to the parent") {
  const iq::WorkerFailed failed = failure_of([] { throw std::out_of_range("no such thing"); });
  CHECK(failed.exception_type() == "std::out_of_range");
  CHECK(failed.exception_text() == "no such thing");
  CHECK(failed.exit_code() == 1);
  CHECK(failed.signal() == 0);
  CHECK(failed.outcome().end == WorkerEnd::threw);
  CHECK(iqtest::contains(failed.what(), "threw std::out_of_range: no such thing"));
}

TEST_CASE("worker: any exception has a readable type; a library's error its public name") {
  CHECK(failure_of([] { throw iq::NoSpace("needs 2, has 1"); }).exception_type() == "iq::NoSpace");
  CHECK(failure_of([] { throw iq::ProducerDied("x", 1); }).exception_type() == "iq::ProducerDied");
  CHECK(iqtest::contains(failure_of([] { throw Unspeakable{}; }).exception_type(), "Unspeakable"));
  CHECK(failure_of([] { throw "text"; }).exception_text() == "text");
  const iq::WorkerFailed failed = failure_of([] { throw 5; });
  CHECK(failed.exception_type() == "int");
  CHECK(failed.exception_text().empty());
}

TEST_CASE("worker: pthread_exit is an exit, std::terminate is SIGABRT") {
  CHECK(failure_of([] { ::pthread_exit(nullptr); }).outcome().end == WorkerEnd::exited);
  CHECK(failure_of([] {
          ::close(STDERR_FILENO);
          std::terminate();
        }).signal() == SIGABRT);
}

TEST_CASE("worker: its end is known although it has closed every descriptor it does not know") {
  WorkerGroup crew;
  crew.fork(2, [](int id) {
    ::close_range(3, ~0U, 0);
    if (id == 1) throw std::runtime_error("lost on the way");
  });
  const iq::WorkerFailed failed = join_failure(crew);
  CHECK(crew.results()[0].exit_code == 0);
  CHECK(crew.results()[1].exit_code == 1);
}

TEST_CASE("worker: a socket of its own under the number of the one for reports gets no report") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  WorkerGroup crew;
  crew.fork(1, [&] {
    int replaced = 0;
    for (int fd = 0; fd < 2048; ++fd) {
      int type = 0;
      socklen_t bytes = sizeof type;
      const bool is_socket = ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0;
      if (is_socket && fd != ends[0] && fd != ends[1]) replaced += ::dup2(ends[1], fd) == fd;
    }
    require(replaced > 0, "there is a socket for reports");
  });
  CHECK(join_failure(crew).exit_code() == 0);  // that the function returned could not be told
  char byte = 0;
  CHECK(::recv(ends[0], &byte, 1, MSG_DONTWAIT) < 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("worker: it has the signal mask of the thread that forked it") {
  sigset_t wanted, before;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR1);
  ::pthread_sigmask(SIG_SETMASK, &wanted, &before);
  WorkerGroup crew;
  crew.fork(1, [] {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (int signal = 1; signal < 32; ++signal) {
      require((sigismember(&mask, signal) == 1) == (signal == SIGUSR1), "the caller's mask");
    }
  });
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, &before, &after);
  CHECK(sigismember(&after, SIGUSR1) == 1);
  CHECK(sigismember(&after, SIGTERM) == 0);
  crew.join();
}

TEST_CASE("worker: it holds no descriptor of its supervisor but the one for reports") {
  const auto count = [] {
    int open = 0;
    for (int fd = 0; fd < 2048; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return open;
  };
  const int before = count();
  WorkerGroup crew;
  crew.fork(2, [&] { require(count() == before + 1, "one more than the parent had"); });
  crew.join();
}

TEST_CASE("fork: goes on beside a thread that waits for input") {
  Child child = iqtest::spawn([] {
    Pipe input;
    ::dup2(input.read_end(), STDIN_FILENO);
    std::thread reader([] { std::getchar(); });
    const bool locked = iqtest::wait_until([] {
      if (::ftrylockfile(stdin) != 0) return true;
      ::funlockfile(stdin);
      return false;
    });
    require(locked, "the reader holds the lock of stdin");
    WorkerGroup crew;
    crew.fork(1, [] { std::printf("%s", ""); });
    crew.join();
    require(::write(input.write_end(), "\n", 1) == 1, "the reader is released");
    reader.join();
  });
  CHECK(child.wait().ok());
}
