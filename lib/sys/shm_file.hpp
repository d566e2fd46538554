// Files in shared memory: anonymous (memfd) or named under /dev/shm, whole or absent.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/fd.hpp"

namespace iq::detail {

/// The path of a queue's file: "/dev/shm/iq." + name.
/// Errors: BadName unless `name` is 1..200 characters of [A-Za-z0-9._-] and not "." or "..".
std::string shm_path(std::string_view name);

/// A memfd of `bytes` bytes (sparse), mode 0600, sealed against shrinking and growing, moved to a
/// high number. Errors: NoSpace (also RLIMIT_FSIZE), SystemError.
Fd create_anonymous(std::uint64_t bytes);

/// A file without a name in /dev/shm (O_TMPFILE) of `bytes` bytes (sparse) and exactly `mode`.
/// Errors: NoSpace (also RLIMIT_FSIZE), NoPermission, SystemError.
Fd create_unnamed(std::uint64_t bytes, mode_t mode);

/// Gives an unnamed file its name, at once and whole. False when the name is taken.
/// Errors: NoPermission, SystemError (needs /proc).
bool link_name(const Fd& file, std::string_view name);

/// Opens what has the name: O_NOFOLLOW, a regular file, owned by this user or root. nullopt when
/// there is none. Errors: NoPermission (other owner, symlink, FIFO, …), SystemError.
std::optional<Fd> open_named(std::string_view name);

/// What the name stands for now, nullopt when nothing.
std::optional<FileId> named_file_id(std::string_view name);

/// Removes the name if it (still) stands for `id`. True when it was removed.
/// Nobody replaces it in between if the caller holds all endpoint bytes of the file; without them
/// (iq::remove) the name of a successor may go.
bool unlink_name(std::string_view name, FileId id);

/// Reserves the pages of [offset, offset + bytes): "needs N, has M" here, never SIGBUS later.
/// `what` names the thing for the message, e.g. "a lane of queue \"jobs\"". Retries EINTR.
/// Signals wait until it is done.
/// Errors: NoSpace with both figures, and nothing is left reserved beyond what was before;
///         BadArgument for a range outside the file.
void reserve_pages(int fd, std::uint64_t offset, std::uint64_t bytes, std::string_view what);

/// All bytes of the file system that queues with names are in; UINT64_MAX when it has no limit of
/// its own, or cannot be asked.
std::uint64_t shm_directory_bytes() noexcept;

/// Errors: SystemError when the descriptor is not open.
std::uint64_t file_bytes(int fd);

/// The folder of the named files, "/dev/shm" but in tests.
const std::string& shm_directory() noexcept;

/// What lies under a queue's name, looked at and not opened.
struct NamedFile {
  std::string path;
  FileId id;
  std::uint32_t mode = 0;   ///< permission bits
  std::uint32_t owner = 0;  ///< user id
  std::uint64_t bytes = 0;
  std::uint64_t reserved_bytes = 0;  ///< pages that it really has
};

/// nullopt when there is nothing under the name. Errors: BadName, NoPermission, SystemError.
std::optional<NamedFile> look_at_name(std::string_view name);

/// Opens what has the name to read only, whoever owns it: O_NOFOLLOW, a regular file. nullopt when
/// there is none. Errors: NoPermission, SystemError.
std::optional<Fd> open_to_read(std::string_view name);

/// Everything whose file name begins like a queue's, in alphabetical order; also what no queue can
/// be called. Errors: NoPermission, SystemError.
std::vector<std::string> names_in_shm();

/// For tests only: names live in `directory` from now on, e.g. on a tiny tmpfs.
void set_shm_directory_for_test(std::string directory);

}  // namespace iq::detail
