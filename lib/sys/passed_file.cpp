// An open file on its way into a program that is about to be executed.
//
// An inherited descriptor needs neither /proc nor a name, and works for anonymous files. But a
// program on the way (a shell, sudo, a wrapper that tidies up) may close what it does not know:
// then the supervisor's descriptor leads there, or the queue's name. The inode decides.
#include "sys/passed_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "sys/fd.hpp"
#include "sys/shm_file.hpp"

namespace iq::detail {
int inheritable_copy(int fd) noexcept {
  const int high = ::fcntl(fd, F_DUPFD, kHighNumber);
  return high >= 0 ? high : ::fcntl(fd, F_DUPFD, STDERR_FILENO + 1);
}

Fd take_passed_file(const PassedFile& file) noexcept {
  const auto right = [&file](const Fd& fd) { return fd && try_file_id(fd.get()) == file.id; };
  if (file.number >= 0 && try_file_id(file.number) == file.id) {
    // It stays open, so that a second use of the token finds the queue and is told what is wrong.
    ::fcntl(file.number, F_SETFD, FD_CLOEXEC);
    Fd inherited(::fcntl(file.number, F_DUPFD_CLOEXEC, kHighNumber));
    if (inherited) return inherited;
  }
  try {
    if (!file.name.empty()) {
      std::optional<Fd> named = open_named(file.name);
      if (named && right(*named)) return std::move(*named);
    }
    const std::string path =
        "/proc/" + std::to_string(file.holder) + "/fd/" + std::to_string(file.holder_number);
    Fd held(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (right(held)) return held;
  } catch (...) {  // not to be had that way
  }
  return {};
}

}  // namespace iq::detail
