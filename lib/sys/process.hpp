// Small facts about this process, its files, and other processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace iq::detail {

int process_id() noexcept;
int parent_process_id() noexcept;

/// Tells pid namespaces apart: a pid means something only within its own. 0: /proc says nothing.
std::uint64_t pid_namespace() noexcept;

/// The state of a process of this pid namespace as /proc has it: 'R', 'S', 'T' (stopped), 't' (held
/// by a debugger), 'Z' and so on; 0 when there is none or it cannot be seen.
char process_state(int pid) noexcept;

/// The short name of a process of this pid namespace; empty when it cannot be seen. It may hold
/// any characters that its owner likes.
std::string process_name(int pid);

/// The kernel's number of this thread; that of the first one is the process id.
int thread_id() noexcept;

/// Processor time that this process, or this thread alone, has used.
std::int64_t own_cpu_ns(bool of_thread) noexcept;
/// The same of another process of this pid namespace, or of a thread of this process; -1 when it
/// has ended.
std::int64_t cpu_ns_of(int id, bool is_thread) noexcept;
/// Memory that a process has for itself: resident, without files and what is shared. 0: unknown.
std::uint64_t private_bytes_of(int pid) noexcept;

/// A number that differs between the threads of a process and between processes. Never 0.
std::uint64_t current_thread_tag() noexcept;

/// Whether this process never had a second thread. False may be wrong, true is not.
bool has_one_thread() noexcept;

/// Reads exactly `bytes` bytes at `offset` (EINTR retried). False on a short read or an error.
bool read_at(int fd, std::uint64_t offset, void* to, std::size_t bytes) noexcept;

/// How many processors the machine had on the first call; at least 1.
std::uint32_t processors() noexcept;

/// Offers the processor to others.
void yield_processor() noexcept;

/// Tells the processor that this thread looks at the same word again and again.
inline void pause_processor() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // "yield" takes no time on most
#endif
}

}  // namespace iq::detail
