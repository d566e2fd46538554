// Every operation, killed at every instruction that makes a difference; docs/testing.md says why
// no other makes one. IQ_STEPS_S: seconds for the pairs, 0 for all of them (./dev faults).
// IQ_STEPS_ONLY: operations whose name has that in it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>

#include "steps/campaign.hpp"

using namespace steps;

namespace {

constexpr double kPairSeconds = 10;

template <class Entry>
std::vector<Entry> chosen(std::vector<Entry> entries) {
  const char* only = std::getenv("IQ_STEPS_ONLY");
  if (only == nullptr) return entries;
  std::erase_if(entries,
                [&](const Entry& entry) { return entry.name.find(only) == std::string::npos; });
  return entries;
}

double pair_seconds() {
  const char* text = std::getenv("IQ_STEPS_S");
  return text == nullptr ? kPairSeconds : std::atof(text);
}

void check_alone(const std::vector<Operation>& operations) {
  iqtest::limit_seconds(600);
  const Tally sum = kill_alone(chosen(operations));
  CHECK(sum.clean());
  CHECK((sum.kills > 0 || std::getenv("IQ_STEPS_ONLY") != nullptr));
}

void check_pairs(const std::vector<Pair>& pairs) {
  const double seconds = pair_seconds();
  iqtest::limit_seconds(seconds == 0 ? 1800 : 300 + seconds);
  const Tally sum = kill_in_pairs(chosen(pairs), seconds);
  CHECK(sum.clean());
  CHECK((sum.pairs > 0 || std::getenv("IQ_STEPS_ONLY") != nullptr));
}

}  // namespace

TEST_CASE("Steps: a producer killed at any instruction costs at most the item it was putting") {
  check_alone(producer_operations());
}

TEST_CASE("Steps: a consumer killed at any instruction loses nothing, doubles what it held") {
  check_alone(consumer_operations());
}

TEST_CASE("Steps: a consumer killed while it takes from others loses and doubles nothing") {
  check_alone(rivalry_operations());
}

TEST_CASE("Steps: killed while it creates, closes, stops or leaves a queue, nobody hangs") {
  check_alone(queue_operations());
}

TEST_CASE("Steps: a relay killed at any instruction hands each output over exactly once") {
  check_alone(relay_operations());
}

TEST_CASE("Steps: a repairer killed at any instruction is succeeded by the next one") {
  check_alone(repair_operations());
}

TEST_CASE("Steps: two that meet, both killed at any two instructions") { check_pairs(meetings()); }

TEST_CASE("Steps: a repairer killed at any instruction, whatever the dead was at") {
  check_pairs(successions());
}
