// Creating, naming, opening and removing the files of queues.
//
// A named file is made without a name (O_TMPFILE), filled, and then linked: whoever is killed in
// between leaves nothing, and nobody ever opens half a file. Opening refuses what is not a
// regular file of this user or root: /dev/shm is writable by everyone, and what lies there under
// our name may have been planted.
#include "sys/shm_file.hpp"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "sys/system_error.hpp"

namespace iq::detail {
namespace {

constexpr std::size_t kNameLimit = 200;
constexpr std::string_view kPrefix = "iq.";
#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 0x8U;
#endif

std::string& directory_of_names() {
  static std::string directory = "/dev/shm";
  return directory;
}

bool is_permission(int error) noexcept {
  return error == EACCES || error == EPERM || error == EROFS;
}

[[noreturn]] void throw_refused(std::string_view what, std::string_view why,
                                std::string_view advice) {
  throw NoPermission(fmt::format("{}: {}. {}", what, why, advice));
}

/// Gives a new, empty file its size. Pages come later, where they are handed out.
void set_size(const Fd& file, std::uint64_t bytes) {
  const std::string what = fmt::format("cannot create a queue of {} bytes", bytes);
  rlimit limit{};
  // Beyond this limit the kernel sends SIGXFSZ, which kills: so ask first.
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      bytes > limit.rlim_cur) {
    throw NoSpace(fmt::format("{}: needs {} bytes, RLIMIT_FSIZE allows {}. Raise the limit (ulimit "
                              "-f) or use a smaller queue",
                              what, bytes, static_cast<std::uint64_t>(limit.rlim_cur)));
  }
  if (bytes > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
    throw NoSpace(fmt::format("{}: needs {} bytes, a file has at most {}. Use a smaller queue",
                              what, bytes, std::numeric_limits<off_t>::max()));
  }
  while (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EFBIG || errno == ENOSPC || errno == EINVAL) {
      throw NoSpace(fmt::format("{}: needs {} bytes, the system refuses: {}. Use a smaller queue",
                                what, bytes, errno_text(errno)));
    }
    throw_errno("ftruncate", what);
  }
}

std::string kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

std::optional<struct stat> status_of(std::string_view name) {
  struct stat status {};
  if (::lstat(shm_path(name).c_str(), &status) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  const std::string what = fmt::format("cannot look up queue \"{}\"", name);
  if (is_permission(errno)) {
    throw_refused(what, errno_text(errno), "Check the permissions of " + shm_directory());
  }
  throw_errno("lstat", what);
}

constexpr std::string_view kPlanted = "Remove it, if it is not yours ask its owner, or use "
                                      "another name";

/// The name exists and open() refused it: says why.
[[noreturn]] void throw_not_opened(std::string_view name, int error) {
  const std::string what = fmt::format("cannot open queue \"{}\"", name);
  const std::optional<struct stat> status = status_of(name);
  if (status && !S_ISREG(status->st_mode)) {
    throw_refused(what, fmt::format("{} is {}, not a regular file", shm_path(name),
                                    kind_of(status->st_mode)), kPlanted);
  }
  if (is_permission(error)) {
    throw_refused(what,
                  fmt::format("{} has mode {:04o} and owner {}, this process runs as user {}",
                              shm_path(name), status ? status->st_mode & 07777U : 0U,
                              status ? status->st_uid : 0U, ::geteuid()),
                  "Create the queue with a mode that lets this user in");
  }
  throw_errno("open", what, error);
}

/// Opens what has the name, a regular file and nothing else; nullopt when there is none.
std::optional<Fd> open_regular(std::string_view name, int access, struct stat& status) {
  const std::string path = shm_path(name);
  Fd file(::open(path.c_str(), access | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    if (errno == ENOENT) return std::nullopt;
    throw_not_opened(name, errno);
  }
  const std::string what = fmt::format("cannot open queue \"{}\"", name);
  if (::fstat(file.get(), &status) != 0) throw_errno("fstat", what);
  if (!S_ISREG(status.st_mode)) {
    throw_refused(what, fmt::format("{} is {}, not a regular file", path, kind_of(status.st_mode)),
                  kPlanted);
  }
  return file;
}

}  // namespace

const std::string& shm_directory() noexcept { return directory_of_names(); }

void set_shm_directory_for_test(std::string directory) {
  directory_of_names() = std::move(directory);
}

std::string shm_path(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  std::string why;
  if (name.empty() || name.size() > kNameLimit) why = fmt::format("it has {} bytes", name.size());
  if (name == "." || name == "..") why = "it stands for a directory";
  for (const char c : name) {
    if (why.empty() && !allowed(c)) why = fmt::format("{:?} is not allowed", c);
  }
  if (!why.empty()) {
    throw BadName(fmt::format("bad queue name {:?}: {}. A name has 1 to {} characters of A-Z a-z "
                              "0-9 . _ - and is not . or ..",
                              name.substr(0, kNameLimit), why, kNameLimit));
  }
  return fmt::format("{}/{}{}", shm_directory(), kPrefix, name);
}

Fd create_anonymous(std::uint64_t bytes) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd file(::memfd_create("iq", kFlags | MFD_NOEXEC_SEAL));
  if (!file && errno == EINVAL) file = Fd(::memfd_create("iq", kFlags));  // Linux before 6.3
  if (!file) throw_errno("memfd_create", "cannot create an anonymous queue");
  file = std::move(file).moved_high();
  // A memfd starts open to all, and another user could come in through /proc.
  if (::fchmod(file.get(), 0600) != 0) throw_errno("fchmod", "cannot create an anonymous queue");
  set_size(file, bytes);
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw_errno("fcntl(F_ADD_SEALS)", "cannot create an anonymous queue");
  }
  return file;
}

Fd create_unnamed(std::uint64_t bytes, mode_t mode) {
  const std::string& directory = shm_directory();
  const std::string what = fmt::format("cannot create a queue in {}", directory);
  Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) {
    const int error = errno;
    if (is_permission(error)) {
      throw_refused(what, errno_text(error), "Check that it is mounted read-write, mode 1777");
    }
    if (error == ENOSPC) {
      throw NoSpace(fmt::format("{}: needs 1 inode, has 0: {}. Remove files there, or mount it "
                                "with a larger nr_inodes",
                                what, errno_text(error)));
    }
    throw_errno("open(O_TMPFILE)", what, error);
  }
  if (::fchmod(file.get(), mode) != 0) throw_errno("fchmod", what);  // umask or not: exactly mode
  set_size(file, bytes);
  return file;
}

bool link_name(const Fd& file, std::string_view name) {
  const std::string path = shm_path(name);
  const std::string by_number = fmt::format("/proc/thread-self/fd/{}", file.get());
  if (::linkat(AT_FDCWD, by_number.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return true;
  }
  int error = errno;
  if (error == ENOENT) {  // no /proc: newer kernels and privileged processes do without it
    if (::linkat(file.get(), "", AT_FDCWD, path.c_str(), AT_EMPTY_PATH) == 0) return true;
    if (errno == EEXIST) error = EEXIST;
  }
  if (error == EEXIST) return false;
  const std::string what = fmt::format("cannot name queue \"{}\"", name);
  if (is_permission(error)) {
    throw_refused(what, errno_text(error), "Check the permissions of " + shm_directory());
  }
  throw_errno("linkat", what + (error == ENOENT ? " (is /proc mounted?)" : ""), error);
}

std::optional<Fd> open_named(std::string_view name) {
  struct stat status {};
  std::optional<Fd> file = open_regular(name, O_RDWR, status);
  if (file && status.st_uid != ::geteuid() && status.st_uid != 0) {
    throw_refused(fmt::format("cannot open queue \"{}\"", name),
                  fmt::format("{} belongs to user {}, this process runs as user {}", shm_path(name),
                              status.st_uid, ::geteuid()),
                  kPlanted);
  }
  return file;
}

std::optional<Fd> open_to_read(std::string_view name) {
  struct stat status {};
  return open_regular(name, O_RDONLY, status);
}

std::optional<NamedFile> look_at_name(std::string_view name) {
  const std::optional<struct stat> status = status_of(name);
  if (!status) return std::nullopt;
  return NamedFile{shm_path(name),
                   {status->st_dev, status->st_ino},
                   status->st_mode & 07777U,
                   status->st_uid,
                   static_cast<std::uint64_t>(status->st_size),
                   static_cast<std::uint64_t>(status->st_blocks) * 512};
}

std::vector<std::string> names_in_shm() {
  std::vector<std::string> names;
  std::error_code refused;
  for (auto at = std::filesystem::directory_iterator(shm_directory(), refused);
       !refused && at != std::filesystem::directory_iterator(); at.increment(refused)) {
    const std::string file = at->path().filename().string();
    if (file.starts_with(kPrefix)) names.push_back(file.substr(kPrefix.size()));
  }
  if (refused) {
    const std::string what = fmt::format("cannot list the queues in {}", shm_directory());
    if (is_permission(refused.value())) {
      throw_refused(what, errno_text(refused.value()), "Check its permissions");
    }
    throw_errno("readdir", what, refused.value());
  }
  std::ranges::sort(names);
  return names;
}

std::optional<FileId> named_file_id(std::string_view name) {
  const std::optional<struct stat> status = status_of(name);
  if (!status) return std::nullopt;
  return FileId{status->st_dev, status->st_ino};
}

bool unlink_name(std::string_view name, FileId id) {
  if (named_file_id(name) != id) return false;
  if (::unlink(shm_path(name).c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  const std::string what = fmt::format("cannot remove queue \"{}\"", name);
  if (is_permission(errno)) {
    throw_refused(what, errno_text(errno), "Only its owner or root removes it");
  }
  throw_errno("unlink", what);
}

}  // namespace iq::detail
