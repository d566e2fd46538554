// Liveness by evidence: an OFD byte lock that lives exactly as long as its process's memory.
//
// open -> mmap(4096, PROT_NONE, MAP_SHARED) -> madvise(MADV_DONTFORK) -> F_OFD_SETLK -> close.
// The mapping holds the only reference to the file description, so the lock goes when the address
// space goes: at exit, at exec, at SIGKILL; not when a thread ends, a descriptor is closed, a
// process is stopped or a child still runs. See docs/liveness.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "sys/fd.hpp"

namespace iq::detail {

/// Whether a lock on the range is held by another file description than the probe's.
enum class Held : unsigned char { no, yes, unknown };

/// The file whose bytes are locked, and how to open it again. One per attached segment and
/// process; thread-safe. Keeps one descriptor for probes (high number, close-on-exec) and
/// notices when user code closed or reused it.
class LockFile {
 public:
  /// `name` is empty for an anonymous file (reopened through /proc), else the queue's name.
  /// Errors: BadName, SystemError when `file` is not open.
  LockFile(Fd file, std::string name);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  FileId id() const noexcept { return id_; }

  /// A new file description of the same inode.
  /// Errors: CannotProbe when the descriptor was closed by user code and no name leads back;
  ///         SystemError (out of descriptors).
  Fd reopen() const;

  /// A descriptor that is proven to be this file, reopened when it was lost; -1 when it cannot be.
  /// User code can still close it right after: ask probe_lock(), which checks that too.
  int probe_fd() const noexcept;

  /// How many descriptors were lost so far and replaced. It moves before a replacement is used.
  std::uint32_t losses() const noexcept;

 private:
  friend class PinnedLock;
  friend Held probe_lock(const LockFile&, std::uint64_t, std::uint64_t) noexcept;

  /// The path that leads to the file by number, for a thread whose table has it.
  static std::string path_by_number(int number);
  [[noreturn]] void throw_lost() const;

  std::string description_;  // for messages: queue "jobs"
  std::string named_path_;   // empty for an anonymous file
  FileId id_;
  mutable std::atomic<std::uint64_t> probe_;  // losses:32 | number:32, changed by CAS only
};

/// F_OFD_GETLK for a write lock on [offset, offset + length). Any failure is `unknown`, also user
/// code that closes the descriptor again and again while the question is asked.
Held probe_lock(const LockFile& file, std::uint64_t offset, std::uint64_t length) noexcept;

/// An exclusive, pinned lock. Threads: moves between threads freely; the thread that took it
/// may end. Processes: a forked child does not hold it, and destroying the copy there does nothing.
class PinnedLock {
 public:
  PinnedLock() noexcept = default;
  PinnedLock(PinnedLock&& other) noexcept;
  PinnedLock& operator=(PinnedLock&& other) noexcept;
  ~PinnedLock() { release(); }

  /// Takes [offset, offset + length), at once or not at all; nullopt when somebody holds any of it.
  /// Takes the ForkGuard itself.
  ///
  /// Errors: CannotProbe when nothing leads back to the file; SystemError (no memory for a mapping,
  ///         lock refused by the system).
  /// Cost:   a few microseconds in a process that never had a second thread; otherwise a thread
  ///         that lives for the call, tens of microseconds.
  static std::optional<PinnedLock> try_lock(const LockFile& file, std::uint64_t offset,
                                            std::uint64_t length);

  /// Gives the lock up (munmap). Nothing in a process other than the one that took it.
  void release() noexcept;
  explicit operator bool() const noexcept { return pin_ != nullptr; }

 private:
  explicit PinnedLock(void* pin) noexcept;

  void* pin_ = nullptr;
  std::uint64_t generation_ = 0;
};

/// Where self_test_liveness() takes its scratch bytes: [kScratchBegin, kScratchEnd). Locks that
/// mean something stay below, and so do probes of whole ranges.
inline constexpr std::uint64_t kScratchBegin = std::uint64_t{1} << 56;
inline constexpr std::uint64_t kScratchEnd = std::uint64_t{1} << 57;

/// Pins, probes, unpins and probes a scratch byte of `file`, once per process and file system.
/// Errors: CannotProbe with what this system gets wrong.
void self_test_liveness(const LockFile& file);

}  // namespace iq::detail
