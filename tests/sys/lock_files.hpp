// What the tests of liveness share: lock files, and a child that holds a lock.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/process.hpp"
#include "sys/pinned_lock.hpp"
#include "sys/shm_file.hpp"

namespace iqtest {

inline constexpr std::uint64_t kByte = std::uint64_t{1} << 40;

inline iq::detail::LockFile anonymous_lock_file() {
  return iq::detail::LockFile(iq::detail::create_anonymous(4096), "");
}

/// A file with a name, which goes with the object in the process that made it.
class NamedFile {
 public:
  NamedFile() : name_(temp_name("lock")), file_(named(name_), name_), maker_(::getpid()) {}
  NamedFile(const NamedFile&) = delete;
  NamedFile& operator=(const NamedFile&) = delete;
  ~NamedFile() {
    if (::getpid() == maker_) ::unlink(iq::detail::shm_path(name_).c_str());
  }

  const std::string& name() const noexcept { return name_; }
  iq::detail::LockFile& file() noexcept { return file_; }

 private:
  static iq::detail::Fd named(const std::string& name) {
    iq::detail::Fd file = iq::detail::create_unnamed(4096, 0600);
    if (!iq::detail::link_name(file, name)) throw std::runtime_error("name in use: " + name);
    return file;
  }

  std::string name_;
  iq::detail::LockFile file_;
  pid_t maker_;
};

/// Takes one byte; throws when somebody has it.
inline iq::detail::PinnedLock lock_byte(const iq::detail::LockFile& file, std::uint64_t offset) {
  std::optional<iq::detail::PinnedLock> lock = iq::detail::PinnedLock::try_lock(file, offset, 1);
  require(lock.has_value(), "the byte is free to take");
  return std::move(*lock);
}

inline iq::detail::Held probe(const iq::detail::LockFile& file, std::uint64_t offset = kByte) {
  return iq::detail::probe_lock(file, offset, 1);
}

/// A pipe, for programs that read until its writing end is closed.
class Pipe {
 public:
  explicit Pipe(int flags) { require(::pipe2(ends_.data(), flags) == 0, "pipe2"); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  int end(int which) const { return ends_[static_cast<std::size_t>(which)]; }
  void close_end(int which) {
    int& number = ends_[static_cast<std::size_t>(which)];
    if (number >= 0) ::close(std::exchange(number, -1));
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

/// A child that takes the byte, says so, and runs `then` with the lock in hand.
template <class F>
Child spawn_holder(const iq::detail::LockFile& file, Gate& holds, F then) {
  return spawn([&] {
    iq::detail::PinnedLock lock = lock_byte(file, kByte);
    holds.post();
    then(lock);
  });
}

}  // namespace iqtest
