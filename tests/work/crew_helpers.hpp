// What tests of worker groups have in common.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>

#include "iq/worker_group.hpp"
#include "support/process.hpp"

namespace iqtest {

/// The failure that join() throws; the case fails when it throws nothing or something else.
inline iq::WorkerFailed join_failure(iq::WorkerGroup& crew) {
  try {
    crew.join();
  } catch (const iq::WorkerFailed& failed) {
    return failed;
  }
  throw std::runtime_error("join() found nothing wrong");
}

/// A pipe whose end tells that every process that inherited it is gone.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  }
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    close_read();
    close_write();
  }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { close_one(ends_[0]); }
  void close_write() { close_one(ends_[1]); }

  /// Reads to the end. nullopt when it does not come within `seconds`.
  std::optional<std::string> read_all(double seconds = kPatienceS) {
    close_write();
    const SteadyTime deadline = deadline_in(seconds);
    std::string text;
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd event{ends_[0], POLLIN, 0};
      if (left.count() <= 0 || ::poll(&event, 1, static_cast<int>(left.count())) <= 0) {
        return std::nullopt;
      }
      char buffer[4096];
      const ssize_t got = ::read(ends_[0], buffer, sizeof buffer);
      if (got <= 0) return text;
      text.append(buffer, static_cast<std::size_t>(got));
    }
  }

 private:
  static void close_one(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  int ends_[2];
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace iqtest
