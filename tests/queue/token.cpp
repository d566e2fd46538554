// The text of a token: what is accepted, and in which words the rest is refused. What programs make
// of tokens is in tests/process/exec.cpp.
#include "queue/token.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "iq/iq.hpp"
#include "support/process.hpp"

using iq::detail::TokenAccess;

namespace {

using Queue = iq::IterableQueue<int>;

/// What a program would inherit: the eighth part of the text is its number.
void close_inheritable(const std::string& text) {
  std::size_t at = 0;
  for (int part = 0; part < 7; ++part) at = text.find(':', at) + 1;
  ::close(std::stoi(text.substr(at), nullptr, 16));
}

/// A token as a supervisor has it, whose process is this one.
struct Held {
  Queue queue;
  iq::Token token;
  std::unique_ptr<iq::detail::TokenCore> core;
  std::string text;

  explicit Held(bool producer)
      : token(producer ? queue.producer_token() : queue.consumer_token()),
        core(TokenAccess::take(token)),
        text(core->argument_for_this_process()) {}
  ~Held() { close_inheritable(text); }
};

}  // namespace

TEST_CASE("token: used once it is an endpoint, used again it is Closed") {
  Held held(true);
  auto in = held.queue.get_consumer();
  {
    auto out = iq::Producer<int>::from_token(held.text);
    CHECK(held.queue.producers() == 1);
    out.put(5);
    CHECK_THROWS_AS(iq::Producer<int>::from_token(held.text), iq::Closed);
    out.put(6);
  }
  CHECK(held.queue.producers() == 0);
  CHECK_THROWS_AS(iq::Producer<int>::from_token(held.text), iq::Closed);
  held.queue.close();
  CHECK(in.get() == 5);
  CHECK(in.get() == 6);
  CHECK_FALSE(in.get().has_value());
}

TEST_CASE("token: a consumer's, with what is queued") {
  Held held(false);
  auto out = held.queue.get_producer();
  out.put(1);
  auto in = iq::Consumer<int>::from_token(held.text);
  CHECK(in.get() == 1);
}

TEST_CASE("token: what is no token, cut, or changed is BadArgument, never a crash") {
  Held held(true);
  CHECK_THROWS_AS(iq::Producer<int>::from_token(""), iq::BadArgument);
  CHECK_THROWS_AS(iq::Producer<int>::from_token("--fast"), iq::BadArgument);
  CHECK_THROWS_AS(iq::Producer<int>::from_token("iq1:p:ffff:1:1:1:1:1:1:1::."), iq::BadArgument);
  CHECK_THROWS_AS(iq::Producer<int>::from_token("iq1:x:1:1:1:1:1:1:1:1::."), iq::BadArgument);
  for (std::size_t bytes = 0; bytes < held.text.size(); ++bytes) {
    CHECK_THROWS_AS(iq::Producer<int>::from_token(held.text.substr(0, bytes)), iq::BadArgument);
  }
  for (std::size_t at = 0; at < held.text.size(); ++at) {
    std::string changed = held.text;
    changed[at] = changed[at] == '7' ? '8' : '7';
    try {
      auto out = iq::Producer<int>::from_token(changed);
    } catch (const iq::Error& error) {  // one that still leads to the endpoint is as good
      const bool expected = error.code() == iq::Errc::bad_argument ||
                            error.code() == iq::Errc::not_found ||
                            error.code() == iq::Errc::closed;
      CHECK(expected);
    }
  }
}

TEST_CASE("token: of the other end, of another type, of another process") {
  Held held(true);
  CHECK_THROWS_AS(iq::Consumer<int>::from_token(held.text), iq::BadArgument);
  try {
    auto out = iq::Producer<double>::from_token(held.text);
    CHECK(false);
  } catch (const iq::WrongType& error) {
    const std::string text = error.what();
    CHECK(text.find("`int` (4 bytes") != std::string::npos);
    CHECK(text.find("`double` (8 bytes") != std::string::npos);
  }
  auto child = iqtest::spawn([&] {
    CHECK_THROWS_AS(iq::Producer<int>::from_token(held.text), iq::WrongProcess);
  });
  CHECK(child.wait().ok());
  iq::Producer<int>::from_token(held.text).put(1);  // still unused after all these
}

TEST_CASE("token: given up before it is used it is Closed; of a queue that is gone NotFound") {
  Held held(true);
  held.core->close();
  CHECK_THROWS_AS(iq::Producer<int>::from_token(held.text), iq::Closed);
  CHECK_THROWS_AS(iq::Producer<int>::from_token("iq1:p:0:1:8000000000000000:1:1:-1:1:-1:gone:."),
                  iq::NotFound);
}

TEST_CASE("token: two of one queue know of each other: a put does not wait for its own caller") {
  Queue queue({.capacity = 1});
  iq::Token given[] = {queue.producer_token(), queue.consumer_token()};
  const auto producer = TokenAccess::take(given[0]);
  const auto consumer = TokenAccess::take(given[1]);
  const std::string texts[] = {producer->argument_for_this_process(),
                               consumer->argument_for_this_process()};
  auto out = iq::Producer<int>::from_token(texts[0]);
  auto in = iq::Consumer<int>::from_token(texts[1]);
  out.put(1);
  CHECK(in.get() == 1);
  CHECK_THROWS_AS(out.put(2), iq::WouldDeadlock);
  for (const std::string& text : texts) close_inheritable(text);
}
