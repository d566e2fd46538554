// The judge of a storm: reads the history of one queue and complains of whatever breaks a promise.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stress/history.hpp"

namespace storm {

/// What consumers must hear at the end of the stream.
enum class Told : std::uint8_t {
  nothing,    // never that a producer died
  of_deaths,  // that a producer died, if one did
  of_others,  // the same, but for the deaths of relays: another relay always goes on
};

struct Rules {
  Told told = Told::nothing;
  unsigned max_deliveries = 14;
  bool counted = true;  // entries of deliveries say how many it were, and which item of the queue
  bool ordered = true;  // ids of one producer's endpoint rise in the order of its puts
  /// How often the order may break in a way that the history does not explain: batches that the
  /// queue says were taken over.
  std::uint64_t taken_over = 0;
};

struct Verdict {
  std::uint64_t returned = 0, delivered = 0, acknowledged = 0, given_back = 0, parked = 0;
  std::uint64_t lost = 0, torn = 0;
  std::uint64_t doubled = 0;          // deliveries once more, after a death with the item in hand
  std::uint64_t consumer_deaths = 0;  // deaths of attached consumers
  std::uint64_t holder_deaths = 0;    // of them with something in hand, as far as is known
  std::uint64_t producer_deaths = 0;  // deaths of attached producers
  std::uint64_t descents = 0;         // breaks of the order that the history does not explain
  std::uint64_t ends = 0;             // consumers that reached the end of the stream
  std::uint64_t complaint_count = 0;
  std::vector<std::string> complaints;  // the first of them

  bool ok() const noexcept { return complaint_count == 0; }
};

Verdict judge(std::span<const Event> history, const Rules& rules);

/// Everything about one item, line by line, for the text of a failure.
std::string story_of(std::span<const Event> history, std::uint32_t item);

}  // namespace storm
