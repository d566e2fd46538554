// Each public header compiles alone, and no header is missing from that list.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>

namespace iqtest {
int included_bytes();
int included_codec();
int included_consumer();
int included_error();
int included_iq();
int included_lease();
int included_loan();
int included_options();
int included_producer();
int included_queue();
int included_stats();
int included_status();
int included_token();
int included_worker_group();
int included_worker_outcome();
}  // namespace iqtest

TEST_CASE("public headers: each compiles alone, and none is forgotten here") {
  using namespace iqtest;
  const std::map<std::string, int (*)()> known{
      {"bytes.hpp", included_bytes},     {"lease.hpp", included_lease},
      {"loan.hpp", included_loan},       {"codec.hpp", included_codec},
      {"consumer.hpp", included_consumer},
      {"error.hpp", included_error},     {"iq.hpp", included_iq},
      {"options.hpp", included_options}, {"producer.hpp", included_producer},
      {"queue.hpp", included_queue},     {"stats.hpp", included_stats},
      {"status.hpp", included_status},   {"token.hpp", included_token},
      {"worker_group.hpp", included_worker_group},
      {"worker_outcome.hpp", included_worker_outcome}};
  for (const auto& entry : std::filesystem::directory_iterator(IQ_HEADER_FOLDER)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory()) continue;
    INFO(name, " is public: add it to tests/public/meson.build and here");
    REQUIRE(known.contains(name));
    CHECK(known.at(name)() == 1);
  }
}
