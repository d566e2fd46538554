// Packets between parent, supervisor and workers. A packet socket keeps message boundaries, so a
// writer that is killed leaves a whole message or none, and many workers can share one end.
// What arrives is checked although our own processes wrote it: a worker's code may have closed and
// reused the descriptor.
#include "work/report.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace iq::detail {
namespace {

Transfer outcome_of_error() noexcept {
  return errno == EAGAIN || errno == EWOULDBLOCK ? Transfer::would_block : Transfer::closed;
}

std::size_t cut(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text.size();
  std::size_t bytes = limit;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return bytes;
}

Transfer send_all(int socket, const iovec* pieces, std::size_t count, int flags) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = count;
  while (::sendmsg(socket, &message, flags | MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return outcome_of_error();
  }
  return Transfer::ok;
}

/// The bytes of one packet; 0 for the end, -1 with errno.
ssize_t receive_packet(int socket, void* to, std::size_t bytes) noexcept {
  ssize_t got = 0;
  do {
    got = ::recv(socket, to, bytes, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

Transfer send_report(int socket, const Report& report, bool wait) noexcept {
  ReportHead head = report.head;
  head.type_bytes = static_cast<std::uint32_t>(cut(report.type, kMaxTypeBytes));
  head.text_bytes = static_cast<std::uint32_t>(cut(report.text, kMaxTextBytes));
  const iovec pieces[] = {
      {&head, sizeof head},
      {const_cast<char*>(report.type.data()), head.type_bytes},
      {const_cast<char*>(report.text.data()), head.text_bytes},
  };
  return send_all(socket, pieces, std::size(pieces), wait ? 0 : MSG_DONTWAIT);
}

Transfer receive_report(int socket, Report& report) {
  char packet[sizeof(ReportHead) + kMaxTypeBytes + kMaxTextBytes];
  const ssize_t got = receive_packet(socket, packet, sizeof packet);
  if (got < 0) return outcome_of_error();
  const auto bytes = static_cast<std::size_t>(got);
  if (bytes < sizeof(ReportHead)) return Transfer::closed;
  std::memcpy(&report.head, packet, sizeof report.head);
  const std::size_t type_bytes = report.head.type_bytes;
  const std::size_t text_bytes = report.head.text_bytes;
  if (type_bytes > kMaxTypeBytes || text_bytes > kMaxTextBytes ||
      bytes != sizeof(ReportHead) + type_bytes + text_bytes) {
    return Transfer::closed;
  }
  report.type.assign(packet + sizeof(ReportHead), type_bytes);
  report.text.assign(packet + sizeof(ReportHead) + type_bytes, text_bytes);
  return Transfer::ok;
}

Transfer send_command(int socket, const Command& command) noexcept {
  const iovec piece{const_cast<Command*>(&command), sizeof command};
  return send_all(socket, &piece, 1, MSG_DONTWAIT);
}

Transfer receive_command(int socket, Command& command) noexcept {
  const ssize_t got = receive_packet(socket, &command, sizeof command);
  if (got < 0) return outcome_of_error();
  return got == static_cast<ssize_t>(sizeof command) ? Transfer::ok : Transfer::closed;
}

std::optional<SocketPair> make_socket_pair() noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return std::nullopt;
  return SocketPair{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace iq::detail
