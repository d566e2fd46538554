// The file that carries the liveness locks, and the one descriptor that is kept to probe it.
//
// User code closes descriptors that it does not know (close_range(3, ~0) before an exec that then
// does not happen, daemon helpers), and the number is soon somebody else's. So the descriptor is
// believed only after fstat shows the right inode, it is never closed when it is not ours any more,
// and a lost one is replaced: through the queue's name if that still stands for the same inode. An
// anonymous file has no way back; then the process cannot ask who is alive, and says so.
//
// No mutex: a fork() while another thread held it would lock it in the child for ever.
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <utility>

#include "sys/pinned_lock.hpp"
#include "sys/shm_file.hpp"
#include "sys/system_error.hpp"

namespace iq::detail {
namespace {

constexpr int number_of(std::uint64_t probe) noexcept {
  return static_cast<int>(static_cast<std::uint32_t>(probe));
}

constexpr std::uint64_t packed(std::uint32_t losses, int number) noexcept {
  return (std::uint64_t{losses} << 32) | static_cast<std::uint32_t>(number);
}

constexpr std::uint32_t losses_of(std::uint64_t probe) noexcept {
  return static_cast<std::uint32_t>(probe >> 32);
}

bool is_file(int number, FileId id) noexcept {
  const std::optional<FileId> found = number < 0 ? std::nullopt : try_file_id(number);
  return found.has_value() && *found == id;
}

/// What `path` leads to, if that is `id`. errno says why not (0: another file).
Fd open_if_same(const std::string& path, FileId id) noexcept {
  // Not O_NOFOLLOW: the paths by number are links of /proc. The inode is what is checked.
  Fd opened(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!opened) return opened;
  errno = 0;
  return is_file(opened.get(), id) ? std::move(opened) : Fd();
}

}  // namespace

LockFile::LockFile(Fd file, std::string name)
    : description_(name.empty() ? "an anonymous queue" : fmt::format("queue \"{}\"", name)),
      named_path_(name.empty() ? std::string() : shm_path(name)),
      id_(file_id(file.get())),
      probe_(packed(0, std::move(file).moved_high().release())) {}

LockFile::~LockFile() {
  const int number = number_of(probe_.load(std::memory_order_acquire));
  if (is_file(number, id_)) Fd(number).reset();
}

std::string LockFile::path_by_number(int number) {
  return fmt::format("/proc/thread-self/fd/{}", number);
}

void LockFile::throw_lost() const {
  throw CannotProbe(fmt::format(
      "cannot ask the kernel who is alive in {}: descriptor {} no longer stands for it (inode {}), "
      "and {}. Keep other code of this program from closing descriptors that it did not open",
      description_, number_of(probe_.load(std::memory_order_relaxed)), id_.inode,
      named_path_.empty() ? "an anonymous queue has no name to open it by"
                          : "its name is gone or belongs to another file"));
}

Fd LockFile::reopen() const {
  if (!named_path_.empty()) {
    if (Fd by_name = open_if_same(named_path_, id_)) return by_name;
    if (errno == EMFILE || errno == ENFILE) throw_errno("open", "cannot reopen " + description_);
  }
  const int number = number_of(probe_.load(std::memory_order_acquire));
  if (!is_file(number, id_)) throw_lost();
  Fd by_number = open_if_same(path_by_number(number), id_);
  if (by_number) return by_number;
  if (errno == 0) throw_lost();
  throw_errno("open", fmt::format("cannot reopen {} through {} (is /proc mounted?)", description_,
                                  path_by_number(number)));
}

int LockFile::probe_fd() const noexcept {
  std::uint64_t seen = probe_.load(std::memory_order_acquire);
  // Twice around: another thread may have replaced it meanwhile.
  for (int round = 0; round < 2; ++round) {
    if (is_file(number_of(seen), id_)) return number_of(seen);
    if (named_path_.empty()) return -1;
    Fd fresh = open_if_same(named_path_, id_);
    if (!fresh) return -1;
    fresh = std::move(fresh).moved_high();
    // The lost number is somebody else's by now or nobody's: it is not closed.
    if (probe_.compare_exchange_strong(seen, packed(losses_of(seen) + 1, fresh.get()))) {
      return fresh.release();
    }
  }
  return -1;
}

std::uint32_t LockFile::losses() const noexcept {
  return losses_of(probe_.load(std::memory_order_acquire));
}

Held probe_lock(const LockFile& file, std::uint64_t offset, std::uint64_t length) noexcept {
  // Asked first and checked after: the answer counts only if the number stands for the file and was
  // not replaced meanwhile. Asking somebody else's descriptor does no harm.
  for (int round = 0; round < 2; ++round) {
    const std::uint64_t seen = file.probe_.load(std::memory_order_acquire);
    struct flock query {};  // l_pid must be 0
    query.l_type = F_WRLCK;
    query.l_whence = SEEK_SET;
    query.l_start = static_cast<off_t>(offset);
    query.l_len = static_cast<off_t>(length);
    const bool answered = ::fcntl(number_of(seen), F_OFD_GETLK, &query) == 0;
    if (is_file(number_of(seen), file.id_) &&
        file.probe_.load(std::memory_order_acquire) == seen) {
      if (!answered) return Held::unknown;
      return query.l_type == F_UNLCK ? Held::no : Held::yes;
    }
    if (file.probe_fd() < 0) return Held::unknown;
  }
  return Held::unknown;
}

}  // namespace iq::detail
