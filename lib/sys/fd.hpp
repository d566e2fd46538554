// An owned file descriptor, always close-on-exec.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace iq::detail {

/// Where descriptors that stay open are kept: out of the way of loops that close "everything up to
/// 255" and of select(), low enough that the kernel's table of descriptors stays small: a fork
/// copies the table up to the highest number.
inline constexpr int kHighNumber = 512;

class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int number) noexcept : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }
  int release() noexcept { return std::exchange(number_, -1); }
  void reset() noexcept;

  /// The same file under a high number, where code that closes low numbers does not find it.
  /// Where no high number is free the descriptor is returned as it is.
  Fd moved_high() && noexcept;

 private:
  int number_ = -1;
};

/// Which file an open descriptor or a name stands for.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

/// Errors: SystemError when the descriptor is not open.
FileId file_id(int fd);

/// The same, nullopt instead of an exception.
std::optional<FileId> try_file_id(int fd) noexcept;

}  // namespace iq::detail
