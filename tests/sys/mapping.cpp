// Mapping: a file's bytes, shared with other processes.
#include "sys/mapping.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <fstream>
#include <string>

#include "iq/error.hpp"
#include "support/process.hpp"
#include "sys/shm_file.hpp"

using iq::detail::Fd;
using iq::detail::Mapping;

namespace {

constexpr std::uint64_t kPage = 4096;

/// The VmFlags of the mapping that begins at `address`.
std::string flags_of(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    const std::size_t dash = line.find('-');
    if (dash != std::string::npos && dash < 17 && line.find(':') > dash) {
      inside = std::stoull(line.substr(0, dash), nullptr, 16) ==
               reinterpret_cast<std::uintptr_t>(address);
    }
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

std::size_t resident_pages(const Mapping& mapping) {
  std::array<unsigned char, 16> resident{};
  ::mincore(mapping.data(), static_cast<std::size_t>(mapping.bytes()), resident.data());
  std::size_t count = 0;
  for (const unsigned char page : resident) count += page & 1U;
  return count;
}

}  // namespace

TEST_CASE("Mapping: what one process writes, another reads, and both see one file") {
  const Fd file = iq::detail::create_anonymous(2 * kPage);
  const Mapping mapping(file.get(), 2 * kPage);
  CHECK(mapping.bytes() == 2 * kPage);
  iqtest::Child child = iqtest::spawn([&] {
    std::memcpy(mapping.data() + kPage, "inherited", 10);
    const Mapping own(file.get(), 2 * kPage);
    std::memcpy(own.data(), "own", 4);
  });
  REQUIRE(child.wait().ok());
  CHECK(std::strcmp(reinterpret_cast<const char*>(mapping.data()), "own") == 0);
  CHECK(std::strcmp(reinterpret_cast<const char*>(mapping.data() + kPage), "inherited") == 0);
}

TEST_CASE("Mapping: is left out of core dumps and is inherited by children") {
  const Fd file = iq::detail::create_anonymous(kPage);
  const Mapping mapping(file.get(), kPage);
  const std::string flags = flags_of(mapping.data());
  CHECK(flags.find(" dd ") != std::string::npos);  // do not dump
  CHECK(flags.find(" dc ") == std::string::npos);  // do not copy on fork
  CHECK(flags.find(" sh ") != std::string::npos);  // shared
}

TEST_CASE("Mapping: a blank one is zeros of its own, and takes memory when it is written") {
  Mapping blank = Mapping::blank(std::uint64_t{1} << 40);
  CHECK(blank.bytes() == std::uint64_t{1} << 40);
  blank.data()[(std::uint64_t{1} << 40) - 1] = std::byte{7};
  CHECK(blank.data()[12345] == std::byte{0});
  CHECK(flags_of(blank.data()).find(" sh ") == std::string::npos);
  const void* place = blank.data();
  blank = Mapping();
  CHECK(flags_of(place).empty());
  CHECK_THROWS_AS(Mapping::blank(std::uint64_t{1} << 62), iq::NoSpace);
}

TEST_CASE("Mapping: moves, and lives on without the descriptor") {
  Mapping mapping;
  CHECK(mapping.data() == nullptr);
  {
    const Fd file = iq::detail::create_anonymous(kPage);
    mapping = Mapping(file.get(), kPage);
  }
  Mapping moved(std::move(mapping));
  CHECK(mapping.data() == nullptr);
  CHECK(mapping.bytes() == 0);
  std::byte* const data = moved.data();
  data[7] = std::byte{9};
  CHECK(data[7] == std::byte{9});
  moved = Mapping();
  CHECK(flags_of(data).empty());
}

TEST_CASE("Mapping: nothing, more than the file has, and no file are errors with both values") {
  const Fd file = iq::detail::create_anonymous(kPage);
  CHECK_THROWS_AS(Mapping(file.get(), 0), iq::BadArgument);
  CHECK_THROWS_WITH_AS(Mapping(file.get(), 8192), doctest::Contains("8192 bytes are asked for, the "
                       "file has 4096"), iq::BadArgument);
  CHECK_THROWS_AS(Mapping(-1, kPage), iq::SystemError);
}

TEST_CASE("Mapping: no address space is NoSpace") {
  const Fd file = iq::detail::create_anonymous(std::uint64_t{1} << 48);
  CHECK_THROWS_AS(Mapping(file.get(), std::uint64_t{1} << 48), iq::NoSpace);
}

TEST_CASE("Mapping: populate brings in the pages of its range and no others") {
  const Fd file = iq::detail::create_anonymous(16 * kPage);
  const Mapping mapping(file.get(), 16 * kPage);
  CHECK(resident_pages(mapping) == 0);
  mapping.populate(2 * kPage + 1, kPage);  // touches two pages
  CHECK(resident_pages(mapping) == 2);
  mapping.populate(15 * kPage, UINT64_MAX);
  CHECK(resident_pages(mapping) == 3);
  mapping.populate(99 * kPage, kPage);  // outside: nothing
  mapping.populate(0, 0);
  CHECK(resident_pages(mapping) == 3);
}

TEST_CASE("Mapping: an inherited one is the same memory in forked children, zeroed at first") {
  const Mapping mapping = Mapping::inherited(kPage);
  CHECK(mapping.bytes() == kPage);
  CHECK(mapping.data()[0] == std::byte{0});
  auto child = iqtest::spawn([&] { mapping.data()[kPage - 1] = std::byte{7}; });
  CHECK(child.wait().ok());
  CHECK(mapping.data()[kPage - 1] == std::byte{7});
  CHECK(flags_of(mapping.data()).find(" dd ") != std::string::npos);
}
