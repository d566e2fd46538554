// iq/error.hpp: codes and their names.
#include "iq/error.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

TEST_CASE("Errc: every code has a name of its own") {
  std::set<std::string> names;
  for (int code = 1; code <= static_cast<int>(iq::Errc::system); ++code) {
    const std::string name(iq::to_string(static_cast<iq::Errc>(code)));
    CHECK(name != "unknown");
    CHECK(names.insert(name).second);
  }
  CHECK(iq::to_string(static_cast<iq::Errc>(0)) == "unknown");
}

TEST_CASE("Error: a coded error is caught as Error with its code and text") {
  try {
    throw iq::NoSpace("needs 3, has 2");
  } catch (const iq::Error& error) {
    CHECK(error.code() == iq::Errc::no_space);
    CHECK(std::string(error.what()) == "needs 3, has 2");
  }
}
