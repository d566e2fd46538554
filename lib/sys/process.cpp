// Small facts about this process and its files.
#include "sys/process.hpp"

#include <sched.h>
#include <sys/single_threaded.h>
#include <unistd.h>
#include <cerrno>

#include "sys/fork_guard.hpp"

namespace iq::detail {

int process_id() noexcept { return static_cast<int>(::getpid()); }

int parent_process_id() noexcept { return static_cast<int>(::getppid()); }

std::uint64_t current_thread_tag() noexcept {
  static thread_local char place;
  return (reinterpret_cast<std::uintptr_t>(&place) ^ process_generation() << 1) | 1;
}

bool has_one_thread() noexcept { return __libc_single_threaded != 0; }

bool read_at(int fd, std::uint64_t offset, void* to, std::size_t bytes) noexcept {
  auto* out = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd, out, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

void yield_processor() noexcept { ::sched_yield(); }

}  // namespace iq::detail
