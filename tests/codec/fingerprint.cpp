// type_fingerprint: two programs with different definitions of a type are told apart.
#include <doctest/doctest.h>

#include <set>

#include "codec/items.hpp"

using iq::detail::type_fingerprint;

namespace {

struct Hidden {
  int x;
};
template <class T>
struct Box {
  T value;
};

template <class T>
constexpr std::uint64_t layout = type_fingerprint<T>().layout;

}  // namespace

// As two programs would define them.
namespace v1 {
struct Job { int id; std::string name; };
}
namespace same {
struct Job { int id; std::string name; };
}
namespace more { struct Job { int id; std::string name; bool urgent; }; }
namespace swapped { struct Job { std::string name; int id; }; }
namespace wider { struct Job { long id; std::string name; }; }
namespace unsigned_id { struct Job { unsigned id; std::string name; }; }
namespace floating { struct Job { float id; std::string name; }; }
namespace renamed { struct Task { int id; std::string name; }; }
namespace inside {
struct Id { int id; };
struct Job { Id id; std::string name; };
}
namespace spaced { struct Point { int x; alignas(16) int y; }; }
namespace dense { struct Point { int x; int y; }; }
namespace outer { inline namespace inner { struct Job { int id; std::string name; }; } }

TEST_CASE("type_fingerprint: every changed definition has another layout") {
  const std::set<std::uint64_t> all{
      layout<v1::Job>,       layout<more::Job>,     layout<swapped::Job>, layout<wider::Job>,
      layout<unsigned_id::Job>, layout<floating::Job>, layout<renamed::Task>, layout<inside::Job>};
  CHECK(all.size() == 8);
  CHECK(layout<spaced::Point> != layout<dense::Point>);
  CHECK(layout<std::vector<v1::Job>> != layout<std::vector<more::Job>>);
  CHECK(layout<std::array<int, 3>> != layout<std::array<int, 4>>);
  CHECK(layout<std::chrono::seconds> != layout<std::chrono::milliseconds>);
  CHECK(layout<std::chrono::system_clock::time_point> !=
        layout<std::chrono::steady_clock::time_point>);
  CHECK(layout<std::map<int, int>> != layout<std::multimap<int, int>>);
  CHECK(layout<Box<int>> != layout<Box<unsigned>>);
}

TEST_CASE("type_fingerprint: the same definition has the same, wherever it stands") {
  CHECK(layout<v1::Job> == layout<same::Job>);
  CHECK(layout<v1::Job> == layout<outer::Job>);
  CHECK(layout<long> == layout<long long>);
  CHECK(type_fingerprint<v1::Job>() == type_fingerprint<same::Job>());
  CHECK_FALSE(type_fingerprint<v1::Job>() == type_fingerprint<more::Job>());
}

TEST_CASE("type_fingerprint: values are the same from every compiler and in every release") {
  // Change these only together with iq::detail::kFormatVersion.
  CHECK(layout<int> == 12385841137029911722U);
  CHECK(layout<items::Job> == 9390626414786142931U);
  CHECK(layout<items::Invoice> == 3345530135493524513U);
}

TEST_CASE("type_fingerprint: it knows size, alignment, storage and the version of a codec") {
  constexpr auto point = type_fingerprint<items::Point>();
  CHECK(point.size == sizeof(items::Point));
  CHECK(point.alignment == alignof(items::Point));
  CHECK(point.in_place);
  CHECK(point.codec_version == iq::detail::kFormatVersion);
  CHECK(type_fingerprint<items::Money>().codec_version == 3);
  CHECK_FALSE(type_fingerprint<items::Job>().in_place);
}

TEST_CASE("type_name: names read as their author wrote them") {
  struct Local {
    int x;
  };
  using iq::detail::type_name;
  CHECK(type_name<int>() == "int");
  CHECK(type_name<unsigned long>() == "unsigned long");
  CHECK(type_name<std::string>() == "std::string");
  CHECK(type_name<items::Job>() == "items::Job");
  CHECK(type_name<items::Color>() == "items::Color");
  CHECK(type_name<Hidden>() == "Hidden");
  CHECK(type_name<Local>() == "Local");
  CHECK(type_name<Box<Box<std::string>>>() == "Box<Box<std::string>>");
  CHECK(type_name<items::Deep>() ==
        "std::map<std::string, std::vector<std::optional<items::Job>>>");
  CHECK(type_name<std::array<int, 30>>() == "std::array<int, 30>");
  CHECK(type_name<std::filesystem::path>() == "std::filesystem::path");
  using Long = std::tuple<items::Deep, items::Deep, items::Deep, items::Deep>;
  CHECK(type_name<Long>().size() == 120);
  CHECK(type_name<Long>().substr(117) == "...");
}
