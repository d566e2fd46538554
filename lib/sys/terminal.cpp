// Writing to whatever a descriptor leads to, without ever waiting for it: who looks after a
// pipeline must not hang on a terminal that is stopped, or on a pipe that nobody reads. The
// descriptor is the user's, and others share it, so it is not made non-blocking; what can be
// written at once is asked for, piece by piece; and a terminal, which says that it can be written
// to though it has room for a few characters only, is opened once more. SIGPIPE is kept away from a
// program that may not expect it.
#include "sys/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>

namespace iq::detail {
namespace {

// A pipe that can be written to has room for so much.
constexpr std::size_t kPieceBytes = PIPE_BUF;

bool takes_more(int fd) noexcept {
  pollfd asked{fd, POLLOUT, 0};
  int ready = 0;
  do {
    ready = ::poll(&asked, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready == 1 && (asked.revents & POLLOUT) != 0;
}

bool write_pieces(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    if (!takes_more(fd)) return false;
    const ssize_t written = ::write(fd, text.data(), std::min(text.size(), kPieceBytes));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

int descriptor_behind(std::FILE* stream) noexcept { return ::fileno(stream); }

bool is_terminal(int fd) noexcept { return ::isatty(fd) == 1; }

// By way of /proc, so that it is a file description of its own: the user's is not made
// non-blocking.
Fd opened_without_waiting(int fd) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return Fd(::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

TerminalSize terminal_size(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

bool write_without_waiting(int fd, std::string_view text) noexcept {
  sigset_t pipe_only;
  sigset_t before;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  sigset_t pending;
  const bool was_pending = ::sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
  errno = 0;
  const bool is_all = write_pieces(fd, text);
  if (!is_all && errno == EPIPE && !was_pending) {
    constexpr timespec kAtOnce{};
    while (::sigtimedwait(&pipe_only, nullptr, &kAtOnce) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return is_all;
}

}  // namespace iq::detail
