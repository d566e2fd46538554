// Small facts about this process, its files, and other processes.
#include "sys/process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <string_view>

#include "sys/fd.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {
namespace {

/// The beginning of a small file of /proc; empty when it cannot be read.
std::string_view read_proc(int pid, const char* file, char (&buffer)[512]) noexcept {
  char path[64];
  *fmt::format_to_n(path, sizeof path - 1, "/proc/{}/{}", pid, file).out = '\0';
  const Fd opened(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!opened) return {};
  ssize_t got = 0;
  do {
    got = ::read(opened.get(), buffer, sizeof buffer);
  } while (got < 0 && errno == EINTR);
  return {buffer, static_cast<std::size_t>(got > 0 ? got : 0)};
}

}  // namespace

int process_id() noexcept { return static_cast<int>(::getpid()); }

std::uint64_t pid_namespace() noexcept {
  // Constant in a process, another one perhaps in its children.
  static constinit std::atomic<std::uint64_t> known_for{0};
  static constinit std::atomic<std::uint64_t> known{0};
  const std::uint64_t generation = process_generation();
  if (known_for.load(std::memory_order_acquire) == generation) return known.load();
  struct stat status {};
  const std::uint64_t found = ::stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
  known.store(found);
  known_for.store(generation, std::memory_order_release);
  return found;
}

char process_state(int pid) noexcept {
  char buffer[512];
  const std::string_view text = read_proc(pid, "stat", buffer);
  const std::size_t end = text.rfind(')');  // the name before it may hold anything
  return end == std::string_view::npos || end + 2 >= text.size() ? '\0' : text[end + 2];
}

std::string process_name(int pid) {
  char buffer[512];
  std::string_view text = read_proc(pid, "comm", buffer);
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

namespace {

std::int64_t time_on(clockid_t clock) noexcept {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return -1;
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The next number of a line of them; 0 when there is none.
std::uint64_t next_number(std::string_view& text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return 0;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.empty()) text.remove_prefix(1);
  return number;
}

}  // namespace

int thread_id() noexcept { return static_cast<int>(::syscall(SYS_gettid)); }

std::int64_t own_cpu_ns(bool of_thread) noexcept {
  return time_on(of_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID);
}

std::int64_t cpu_ns_of(int id, bool is_thread) noexcept {
  // As the kernel numbers these clocks: pthread_getcpuclockid() wants a handle, not a number.
  constexpr clockid_t kOfSchedule = 2;
  constexpr clockid_t kOfThread = 4;
  if (is_thread)
    return time_on(static_cast<clockid_t>(~static_cast<unsigned>(id) << 3) | kOfThread |
                   kOfSchedule);
  clockid_t clock{};
  return ::clock_getcpuclockid(id, &clock) == 0 ? time_on(clock) : -1;
}

std::uint64_t private_bytes_of(int pid) noexcept {
  char buffer[512];
  std::string_view text = read_proc(pid, "statm", buffer);
  next_number(text);  // size
  const std::uint64_t resident = next_number(text);
  const std::uint64_t shared = next_number(text);
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return resident > shared ? (resident - shared) * page : 0;
}

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

std::uint32_t processors() noexcept {
  static const long online = ::sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<std::uint32_t>(online) : 1;
}

void yield_processor() noexcept { ::sched_yield(); }

}  // namespace iq::detail
