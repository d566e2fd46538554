// Taking and giving up a pinned lock. The order is the point: the descriptor is closed last, so
// that the mapping is what keeps the description, and with it the lock, alive.
//
// Between open and close the descriptor could be closed by another thread (close_range) or copied
// into a child that no handler sees (raw clone, posix_spawn): then the lock vanishes, or outlives
// its holder. So, where the process may have other threads, a thread of its own does it behind a
// table of descriptors that it shares with nobody, and ends with the call. A process that never
// had a second thread needs no such care. Where the system refuses the thread or the table, the
// steps run in the open and the result is checked by a probe.
//
// Not covered: a raw clone() by another thread between mmap and madvise copies the mapping. The
// lock then lasts until that child ends or execs: too long, never too short.
#include "sys/pinned_lock.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <utility>

#include "sys/fork_guard.hpp"
#include "sys/system_error.hpp"

namespace iq::detail {
namespace {

constexpr std::size_t kPinBytes = 4096;
constexpr std::size_t kThreadStackBytes = 128 * 1024;

/// The kernel orders what one holder did before what the next one does. Between threads of a
/// process the language wants to be told: giving up a lock releases, getting one acquires.
constinit std::atomic<std::uint64_t> locks_given_up{0};

/// One attempt: what to lock, and what came of it.
struct Attempt {
  std::string path;
  int number_in_path;  // the descriptor of the own table that `path` needs, -1 for none
  FileId id;
  off_t offset;
  off_t length;

  void* pin = nullptr;
  const char* failed_call = nullptr;  // "open" with error 0: the path leads to another file
  int error = 0;
  bool exposed = true;  // the descriptor was in the process's own table

  bool failed_at(std::string_view call) const noexcept {
    return failed_call != nullptr && call == failed_call;
  }
  /// The path does not lead to the file (any more); another path may.
  bool led_astray() const noexcept {
    return failed_at("open") && error != EMFILE && error != ENFILE;
  }
  bool is_taken() const noexcept {
    return failed_at("fcntl") && (error == EAGAIN || error == EACCES);
  }
};

bool fail(Attempt& attempt, const char* call, int error) noexcept {
  attempt.failed_call = call;
  attempt.error = error;
  return false;
}

/// mmap -> madvise -> F_OFD_SETLK over an open descriptor.
bool pin_open_file(Attempt& attempt, int fd) noexcept {
  const std::optional<FileId> found = try_file_id(fd);
  if (!found || *found != attempt.id) return fail(attempt, "open", 0);
  void* pin = ::mmap(nullptr, kPinBytes, PROT_NONE, MAP_SHARED, fd, 0);
  if (pin == MAP_FAILED) return fail(attempt, "mmap", errno);
  struct flock lock {};  // l_pid must be 0
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = attempt.offset;
  lock.l_len = attempt.length;
  if (::madvise(pin, kPinBytes, MADV_DONTFORK) != 0) {
    fail(attempt, "madvise", errno);
  } else if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) {
    fail(attempt, "fcntl", errno);
  } else {
    attempt.pin = pin;
    return true;
  }
  ::munmap(pin, kPinBytes);
  return false;
}

void pin_here(Attempt& attempt) noexcept {
  attempt.failed_call = nullptr;
  attempt.error = 0;
  // The path by name is checked by inode, the one by number is a link of /proc: no O_NOFOLLOW.
  const int fd = ::open(attempt.path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    fail(attempt, "open", errno);
    return;
  }
  pin_open_file(attempt, fd);
  ::close(fd);
}

/// Gives this thread a table of descriptors of its own, empty above `needed`: a copied descriptor
/// would keep open what the program closes meanwhile. close_range() copies only what it keeps.
bool leave_shared_table(int needed) noexcept {
  const auto first_closed = static_cast<unsigned>(needed + 1);
  return ::syscall(SYS_close_range, first_closed, ~0U, CLOSE_RANGE_UNSHARE) == 0 ||
         (errno == ENOSYS && ::unshare(CLONE_FILES) == 0);
}

void* pin_thread(void* argument) {
  Attempt& attempt = *static_cast<Attempt*>(argument);
  attempt.exposed = !leave_shared_table(attempt.number_in_path);
  pin_here(attempt);
  return nullptr;
}

/// False when no thread can be had. The thread inherits that the ForkGuard blocks all signals.
bool pin_apart(Attempt& attempt) noexcept {
  pthread_attr_t attributes;
  pthread_t thread;
  if (::pthread_attr_init(&attributes) != 0) return false;
  ::pthread_attr_setstacksize(&attributes, kThreadStackBytes);
  int refused = ::pthread_create(&thread, &attributes, pin_thread, &attempt);
  // A program with much thread-local storage needs more: then the default stack.
  if (refused == EINVAL) refused = ::pthread_create(&thread, nullptr, pin_thread, &attempt);
  ::pthread_attr_destroy(&attributes);
  return refused == 0 && ::pthread_join(thread, nullptr) == 0;
}

void pin(Attempt& attempt) noexcept {
  if (__libc_single_threaded != 0) {
    pin_here(attempt);
    attempt.exposed = false;  // nobody is there to see it
    // Out of numbers here, but not in a table of its own.
    if (attempt.error != EMFILE) return;
  }
  if (!pin_apart(attempt)) {
    attempt.exposed = true;
    pin_here(attempt);
  }
}

}  // namespace

PinnedLock::PinnedLock(void* pin) noexcept : pin_(pin), generation_(process_generation()) {}

PinnedLock::PinnedLock(PinnedLock&& other) noexcept
    : pin_(std::exchange(other.pin_, nullptr)), generation_(other.generation_) {}

PinnedLock& PinnedLock::operator=(PinnedLock&& other) noexcept {
  if (this != &other) {
    release();
    pin_ = std::exchange(other.pin_, nullptr);
    generation_ = other.generation_;
  }
  return *this;
}

void PinnedLock::release() noexcept {
  void* pin = std::exchange(pin_, nullptr);
  // In a forked child the mapping is not there, and its address may be in use by something else.
  if (pin == nullptr || generation_ != process_generation()) return;
  locks_given_up.fetch_add(1, std::memory_order_release);
  ::munmap(pin, kPinBytes);
}

std::optional<PinnedLock> PinnedLock::try_lock(const LockFile& file, std::uint64_t offset,
                                               std::uint64_t length) {
  const ForkGuard guard;
  Attempt attempt{file.named_path_, -1, file.id(), static_cast<off_t>(offset),
                  static_cast<off_t>(length)};
  if (!attempt.path.empty()) pin(attempt);
  if (attempt.path.empty() || attempt.led_astray()) {
    const int number = file.probe_fd();
    if (number < 0) file.throw_lost();
    // The table of the process's first thread: cheap, and right unless that thread has ended or
    // this one has a table of its own. Then the long way.
    attempt.path = fmt::format("/proc/self/fd/{}", number);
    pin(attempt);
    if (attempt.led_astray()) {
      attempt.path = LockFile::path_by_number(number);
      attempt.number_in_path = number;
      pin(attempt);
    }
  }
  if (attempt.is_taken()) return std::nullopt;
  const std::string what = "cannot mark this process as alive in " + file.description_;
  if (attempt.pin == nullptr) {
    if (attempt.error == 0) file.throw_lost();
    throw_errno(attempt.failed_call, what, attempt.error);
  }
  PinnedLock lock(attempt.pin);
  (void)locks_given_up.load(std::memory_order_acquire);
  if (attempt.exposed && probe_lock(file, offset, length) != Held::yes) {
    throw CannotProbe(fmt::format("{}: a lock was taken and is not there. Another thread closes "
                                  "descriptors that it did not open, and no thread apart could be "
                                  "started to guard against it: allow one more thread",
                                  what));
  }
  return lock;
}

void self_test_liveness(const LockFile& file) {
  // One entry per file system: device + 1, 0 = unused. A ninth is tested at each attach.
  static constinit std::array<std::atomic<std::uint64_t>, 8> passed{};
  const std::uint64_t device = file.id().device + 1;
  for (const auto& entry : passed) {
    if (entry.load(std::memory_order_relaxed) == device) return;
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  std::uint64_t random = static_cast<std::uint64_t>(now) ^ process_generation();
  std::uint64_t offset = 0;
  std::optional<PinnedLock> lock;
  for (int tries = 0; tries < 8 && !lock; ++tries) {  // taken by another's test? elsewhere
    random = random * 6364136223846793005U + 1442695040888963407U;
    offset = kScratchBegin + (random >> 8);
    lock = PinnedLock::try_lock(file, offset, 1);
  }
  const Held pinned = lock ? probe_lock(file, offset, 1) : Held::no;
  if (lock) lock->release();
  const Held unpinned = probe_lock(file, offset, 1);
  if (pinned != Held::yes || unpinned != Held::no) {
    throw CannotProbe(fmt::format(
        "cannot tell who is alive on this system: a pinned lock was {} while it was held and {} "
        "after it was given up (expected: held, free). The file system of the queue (device {:#x}) "
        "must keep open file description locks as long as a mapping does; tmpfs of Linux does",
        pinned == Held::yes ? "held" : "not seen", unpinned == Held::no ? "free" : "not free",
        file.id().device));
  }
  for (auto& entry : passed) {
    std::uint64_t unused = 0;
    if (entry.compare_exchange_strong(unused, device) || unused == device) return;
  }
}

}  // namespace iq::detail
