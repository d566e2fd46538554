// Small facts about this process.
#include "sys/process.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "support/process.hpp"
#include "sys/shm_file.hpp"

TEST_CASE("process_id: that of the caller, also in a child") {
  CHECK(iq::detail::process_id() == ::getpid());
  CHECK(iqtest::spawn([] { return iq::detail::process_id() == ::getpid() ? 0 : 1; }).wait().ok());
}

TEST_CASE("current_thread_tag: never 0, constant in a thread, different in another") {
  const std::uint64_t mine = iq::detail::current_thread_tag();
  CHECK(mine != 0);
  CHECK(iq::detail::current_thread_tag() == mine);
  std::uint64_t theirs = mine;
  std::thread([&] { theirs = iq::detail::current_thread_tag(); }).join();
  CHECK(theirs != 0);
  CHECK(theirs != mine);
}

TEST_CASE("read_at: all of it or false") {
  const iq::detail::Fd file = iq::detail::create_anonymous(10);
  REQUIRE(::pwrite(file.get(), "0123456789", 10, 0) == 10);
  char text[11] = "";
  CHECK(iq::detail::read_at(file.get(), 0, text, 10));
  CHECK(std::strcmp(text, "0123456789") == 0);
  CHECK(iq::detail::read_at(file.get(), 8, text, 2));
  CHECK(std::memcmp(text, "89", 2) == 0);
  CHECK_FALSE(iq::detail::read_at(file.get(), 8, text, 3));
  CHECK_FALSE(iq::detail::read_at(-1, 0, text, 1));
}
