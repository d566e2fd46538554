// Descriptors and the identity of what they stand for. A descriptor's number proves nothing in a
// program whose other parts may close it, so files are compared by device and inode.
#include "sys/fd.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "sys/system_error.hpp"

namespace iq::detail {
Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void Fd::reset() noexcept {
  if (number_ < 0) return;
  const int saved = errno;
  ::close(std::exchange(number_, -1));  // never retried: Linux frees the number even on EINTR
  errno = saved;
}

Fd Fd::moved_high() && noexcept {
  rlimit limit{};
  int lowest = kHighNumber;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 2 * kHighNumber) {
    lowest = static_cast<int>(limit.rlim_cur / 2);
  }
  if (number_ < 0 || number_ >= lowest) return std::move(*this);
  Fd high(::fcntl(number_, F_DUPFD_CLOEXEC, lowest));
  return high ? std::move(high) : std::move(*this);
}

FileId file_id(int fd) {
  const std::optional<FileId> id = try_file_id(fd);
  if (!id) throw_errno("fstat", "cannot tell which file a descriptor stands for");
  return *id;
}

std::optional<FileId> try_file_id(int fd) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

}  // namespace iq::detail
