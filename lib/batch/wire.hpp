// What travels between callers and servers: requests, replies, errors, as bytes.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "iq/error.hpp"

namespace iq::detail {

/// Where replies go: the queue of one calling thread, an anonymous file. Another process opens it
/// through /proc.
struct InboxAddress {
  std::uint64_t inode = 0;
  std::int32_t pid = 0;
  std::int32_t number = -1;
  friend auto operator<=>(const InboxAddress&, const InboxAddress&) = default;
};

enum class RequestKind : std::uint32_t {
  direct = 1,  ///< the calls follow, all of one caller
  gather = 2,  ///< the board's id and references into it follow: the calls of several callers
  hello = 3,   ///< one call follows: somebody who came by name asks whether types agree
};

/// Opens every item of a function's request queue. With one call of 8 bytes it fits into a slot.
struct RequestHead {
  RequestKind kind = RequestKind::direct;
  std::uint32_t count = 0;         ///< of calls or references
  InboxAddress reply_to;           ///< direct and hello
  std::uint32_t object_bytes = 0;  ///< behind the head; direct only
  std::uint32_t ticket = 0;        ///< gather only
};
static_assert(sizeof(RequestHead) == 32);

/// Before each call's argument.
struct CallHead {
  std::uint64_t id;
  std::uint32_t bytes;
  std::uint32_t reserved = 0;
};

/// Behind the call's head of a hello: what the caller takes the types to be. The name follows.
struct HelloBody {
  std::uint64_t layout;
};

/// The answer to it, behind which the types' name follows.
struct WelcomeBody {
  std::uint64_t function;
  std::uint64_t max_size;
  std::int64_t max_delay_ns;
  std::uint64_t board;  ///< its id, and where its file is
  std::uint64_t board_inode;
  std::int32_t pid;
  std::int32_t number;
};

enum class AnswerState : std::uint32_t { value = 1, error = 2, nudge = 3 };

/// Before each answer in an inbox.
struct AnswerHead {
  std::uint64_t id;
  AnswerState state;
  std::uint32_t bytes;
};

/// Reads structs and runs of bytes, one after another, never beyond the end.
class WireReader {
 public:
  explicit WireReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  /// Errors: Corrupt when fewer are left.
  std::span<const std::byte> take(std::size_t bytes) {
    if (bytes > rest_.size()) refuse();
    const auto taken = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return taken;
  }
  template <class T>
  T read() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::size_t left() const noexcept { return rest_.size(); }

 private:
  [[noreturn]] static void refuse() {
    throw Corrupt(
        "a batch or its reply ends before its end: somebody wrote to a queue that is not "
        "theirs");
  }
  std::span<const std::byte> rest_;
};

/// Copies the bytes there; returns where the next go.
inline std::byte* write_struct(std::byte* to, const void* from, std::size_t bytes) noexcept {
  if (bytes != 0) std::memcpy(to, from, bytes);
  return to + bytes;
}

/// The exception as bytes: its type where that is one of std's or ours, its name and text.
std::vector<std::byte> encode_error(const std::exception_ptr& error);
/// What encode_error() wrote, as an exception again: RemoteError where the type is not known here.
std::exception_ptr decode_error(std::span<const std::byte> bytes);

}  // namespace iq::detail
