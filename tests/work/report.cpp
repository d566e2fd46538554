// The packets between the processes of a group.
#include "work/report.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <limits>

using namespace iq::detail;

namespace {

Report make_report(std::string type, std::string text) {
  Report report;
  report.head.kind = ReportKind::threw;
  report.head.worker = 3;
  report.head.attempt = 2;
  report.head.pid = 4711;
  report.head.error = 9;
  report.head.at_ns = std::numeric_limits<std::int64_t>::max();
  report.type = std::move(type);
  report.text = std::move(text);
  return report;
}

Report through_socket(const Report& report) {
  const auto pair = make_socket_pair();
  REQUIRE(pair);
  REQUIRE(send_report(pair->far.get(), report, true) == Transfer::ok);
  Report result;
  REQUIRE(receive_report(pair->near.get(), result) == Transfer::ok);
  return result;
}

}  // namespace

TEST_CASE("report: arrives as it was sent") {
  const Report got = through_socket(make_report("std::runtime_error", "no luck"));
  CHECK(got.head.kind == ReportKind::threw);
  CHECK(got.head.worker == 3);
  CHECK(got.head.attempt == 2);
  CHECK(got.head.pid == 4711);
  CHECK(got.head.error == 9);
  CHECK(got.head.at_ns == std::numeric_limits<std::int64_t>::max());
  CHECK(got.type == "std::runtime_error");
  CHECK(got.text == "no luck");
}

TEST_CASE("report: long texts are cut, between characters") {
  std::string text(kMaxTextBytes - 1, 'x');
  text += "\xC3\xA9 and more";
  const Report got = through_socket(make_report(std::string(1000, 't'), text));
  CHECK(got.type == std::string(kMaxTypeBytes, 't'));
  CHECK(got.text == std::string(kMaxTextBytes - 1, 'x'));
  CHECK(through_socket(make_report("", std::string(kMaxTextBytes, 'y'))).text.size() ==
        kMaxTextBytes);
}

TEST_CASE("report: nothing there, the end, and garbage are told apart from a report") {
  auto pair = make_socket_pair();
  REQUIRE(pair);
  Report report;
  CHECK(receive_report(pair->near.get(), report) == Transfer::would_block);
  CHECK(::send(pair->far.get(), "?", 1, 0) == 1);
  CHECK(receive_report(pair->near.get(), report) == Transfer::closed);
  ReportHead head;
  head.text_bytes = 100;  // but no text follows
  CHECK(::send(pair->far.get(), &head, sizeof head, 0) == static_cast<ssize_t>(sizeof head));
  CHECK(receive_report(pair->near.get(), report) == Transfer::closed);
  head.text_bytes = std::numeric_limits<std::uint32_t>::max();
  head.type_bytes = 1;
  CHECK(::send(pair->far.get(), &head, sizeof head, 0) == static_cast<ssize_t>(sizeof head));
  CHECK(receive_report(pair->near.get(), report) == Transfer::closed);
  pair->far.reset();
  CHECK(receive_report(pair->near.get(), report) == Transfer::closed);
  CHECK(send_report(pair->near.get(), report, true) == Transfer::closed);  // and no SIGPIPE
}

TEST_CASE("report: a full socket is told at once when asked not to wait") {
  const auto pair = make_socket_pair();
  REQUIRE(pair);
  const Report report = make_report("", std::string(kMaxTextBytes, 'z'));
  int sent = 0;
  while (send_report(pair->far.get(), report, false) == Transfer::ok) REQUIRE(++sent < 100'000);
  Report got;
  int received = 0;
  while (receive_report(pair->near.get(), got) == Transfer::ok) ++received;
  CHECK(received == sent);
}

TEST_CASE("command: arrives as it was sent") {
  const auto pair = make_socket_pair();
  REQUIRE(pair);
  Command command;
  CHECK(receive_command(pair->far.get(), command) == Transfer::would_block);
  CHECK(send_command(pair->near.get(), Command{Order::signal, 15}) == Transfer::ok);
  CHECK(receive_command(pair->far.get(), command) == Transfer::ok);
  CHECK(command.signal == 15);
}
