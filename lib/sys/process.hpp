// Small facts about this process and its files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace iq::detail {

int process_id() noexcept;
int parent_process_id() noexcept;

/// A number that differs between the threads of a process and between processes. Never 0.
std::uint64_t current_thread_tag() noexcept;

/// Whether this process never had a second thread. False may be wrong, true is not.
bool has_one_thread() noexcept;

/// Reads exactly `bytes` bytes at `offset` (EINTR retried). False on a short read or an error.
bool read_at(int fd, std::uint64_t offset, void* to, std::size_t bytes) noexcept;

/// Offers the processor to others.
void yield_processor() noexcept;

}  // namespace iq::detail
