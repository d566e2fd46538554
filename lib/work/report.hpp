// What the processes of a group tell each other: one message per packet of a SOCK_SEQPACKET socket.
//
//   worker -> supervisor   ready, returned, threw, not_executed
//   supervisor -> parent   the same relayed; held, fork_failed, ready of programs, replaced, ended
//   parent -> supervisor   Command
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sys/fd.hpp"

namespace iq::detail {

enum class ReportKind : std::uint32_t {
  ready = 1,    ///< the worker has adopted its endpoints
  returned,     ///< its function returned and its stdio is flushed
  threw,        ///< an exception left its function
  fork_failed,  ///< the supervisor could not start this worker and has given up on later ones
  ended,        ///< the supervisor has reaped it; the last word about this worker
  held,         ///< the supervisor holds all endpoints, and waits for Order::begin
  not_executed, ///< the program could not be run
  replaced,     ///< it died, and another process has its place
};

/// The fixed part of a report; the exception's type and text follow it.
struct ReportHead {
  ReportKind kind = ReportKind::ready;
  std::int32_t worker = 0;
  std::uint32_t attempt = 0;     ///< 0 for the first process with this number
  std::int32_t pid = 0;          ///< replaced: of the new process
  std::int32_t status = 0;       ///< ended: as waitpid gives it
  std::int32_t error = 0;        ///< fork_failed, not_executed: errno; threw: iq::Errc or 0;
                                 ///< ended: 1 when a program has not used a token
  std::int64_t at_ns = 0;        ///< monotonic; threw: when the worker caught it; else when the
                                 ///< supervisor heard of it
  std::uint32_t type_bytes = 0;
  std::uint32_t text_bytes = 0;
};

struct Report {
  ReportHead head;
  std::string type;
  std::string text;
};

inline constexpr std::size_t kMaxTypeBytes = 256;
inline constexpr std::size_t kMaxTextBytes = 1024;

enum class Order : std::int32_t {
  signal,         ///< send `signal` to every worker that has not been reaped
  begin,          ///< start the workers: the parent has let go of their endpoints
  no_more_heirs,  ///< replace nobody from now on
};

struct Command {
  Order order = Order::signal;
  std::int32_t signal = 0;
};

enum class Transfer : unsigned char { ok, would_block, closed };

/// Cuts over-long type and text at the end of a UTF-8 character. Retries EINTR.
Transfer send_report(int socket, const Report& report, bool wait) noexcept;

/// Never waits. A packet that is no report counts as closed: nothing after it can be trusted.
Transfer receive_report(int socket, Report& report);

Transfer send_command(int socket, const Command& command) noexcept;
Transfer receive_command(int socket, Command& command) noexcept;

/// A connected pair of packet sockets, close-on-exec.
struct SocketPair {
  Fd near;
  Fd far;
};
/// nullopt with errno set.
std::optional<SocketPair> make_socket_pair() noexcept;

}  // namespace iq::detail
