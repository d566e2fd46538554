// The pages of shared files: how many bytes a file has, and reserving them where they are handed
// out.
//
// A sparse file in a full tmpfs kills whoever touches the next page (SIGBUS). So pages are reserved
// with fallocate before anybody gets an address in them, and a shortage is an error with both
// figures. tmpfs takes back what a failed fallocate added and leaves pages that existed before,
// hence nothing is punched here.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include <fmt/format.h>

#include <optional>

#include "sys/shm_file.hpp"
#include "sys/system_error.hpp"

namespace iq::detail {
namespace {

constexpr std::uint64_t kStatBlockBytes = 512;

/// Free bytes of the file's file system; nullopt when it has no limit of its own (a memfd).
std::optional<std::uint64_t> free_bytes(int fd) noexcept {
  struct statvfs status {};
  if (::fstatvfs(fd, &status) != 0 || status.f_blocks == 0) return std::nullopt;
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

std::uint64_t free_memory_bytes() noexcept {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return 0;
  return (std::uint64_t{info.freeram} + info.bufferram + info.freeswap) * info.mem_unit;
}

[[noreturn]] void throw_no_space(int fd, std::uint64_t bytes, std::string_view what, int error) {
  const std::optional<std::uint64_t> free = free_bytes(fd);
  if (free) {
    throw NoSpace(
        fmt::format("cannot reserve {}: needs {} bytes, shared memory (/dev/shm) has {} "
                    "free: {}. Remove files there, enlarge it (mount -o remount,size=…; "
                    "docker run --shm-size) or use a smaller queue",
                    what, bytes, *free, errno_text(error)));
  }
  throw NoSpace(
      fmt::format("cannot reserve {}: needs {} bytes, this machine has {} bytes of "
                  "memory and swap free (a control group may allow less): {}. Free "
                  "memory or use a smaller queue",
                  what, bytes, free_memory_bytes(), errno_text(error)));
}

/// Holds signals back: on some kernels one that arrives in the midst undoes the whole fallocate,
/// and then a storm of them would make it never finish.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &saved_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t saved_;
};

/// 0 or the errno.
int allocate(int fd, std::uint64_t offset, std::uint64_t bytes) noexcept {
  const SignalsBlocked blocked;
  while (::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                     static_cast<off_t>(bytes)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

void reserve_pages(int fd, std::uint64_t offset, std::uint64_t bytes, std::string_view what) {
  if (bytes == 0) return;
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_errno("fstat", fmt::format("cannot reserve {}", what));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (offset > size || bytes > size - offset) {
    throw BadArgument(
        fmt::format("cannot reserve {}: {} bytes at {} are asked for, the file has "
                    "{}. Ask for a range inside it",
                    what, bytes, offset, size));
  }
  // Hopeless requests are refused before they fill what others share.
  const std::optional<std::uint64_t> free = free_bytes(fd);
  const std::uint64_t reserved = static_cast<std::uint64_t>(status.st_blocks) * kStatBlockBytes;
  if (free && bytes > *free + reserved) throw_no_space(fd, bytes, what, ENOSPC);
  const int error = allocate(fd, offset, bytes);
  if (error == ENOSPC || error == ENOMEM) throw_no_space(fd, bytes, what, error);
  if (error != 0) throw_errno("fallocate", fmt::format("cannot reserve {}", what), error);
}

std::uint64_t shm_directory_bytes() noexcept {
  struct statvfs status {};
  const bool known = ::statvfs(shm_directory().c_str(), &status) == 0 && status.f_blocks != 0;
  return known ? std::uint64_t{status.f_blocks} * status.f_frsize : UINT64_MAX;
}

std::uint64_t file_bytes(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_errno("fstat", "cannot tell the size of shared memory");
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace iq::detail
