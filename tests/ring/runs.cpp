// Runs: slots in a row that are known to be free. Puts, loans, relays and waits for room go on
// where the last of them ended, whatever somebody wrote into the lane's own tail.
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "ring/party.hpp"

using namespace iq::detail;
using iq::Status;
using iqtest::Number;
using iqtest::Party;

namespace {

std::vector<Number> published(const Party& party) {
  std::vector<Number> items;
  for (Position p = 0; p != party.lane().control->tail.load(); ++p) {
    Number& item = items.emplace_back();
    std::memcpy(&item, party.lane().slot(p), sizeof item);
  }
  return items;
}

void loan(Party& party, Number number) {
  std::byte* to = nullptr;
  REQUIRE(party.producer.stage(sizeof number, kNow, to) == Status::ok);
  std::memcpy(to, &number, sizeof number);
  party.producer.commit_stage();
}

}  // namespace

TEST_CASE("run: puts, loans and single places go on where the last of them ended") {
  Party party(16);
  party.put(1, 3);
  loan(party, 4);
  party.put(5, 2);
  std::byte* to = nullptr;
  REQUIRE(party.producer.next_slot(kNow, to) == Status::ok);
  const Number seven = 7;
  std::memcpy(to, &seven, sizeof seven);
  party.producer.publish_placed(1);
  party.put(8, 1);
  CHECK(published(party) == std::vector<Number>{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("run: a wait for room in the midst of a run forgets none of its puts") {
  Party party(16);
  party.put(1, 3);
  REQUIRE(party.producer.wait_for_room(kNow) == Status::ok);
  party.put(4, 1);
  CHECK(published(party) == std::vector<Number>{1, 2, 3, 4});
  party.put(5, 12);
  CHECK(party.producer.wait_for_room(kNow) == Status::full);
}

TEST_CASE("run: a relay's outputs come behind what its producer has put before") {
  Party party(16);
  party.put(1, 3);
  party.producer.set_relaying(true);
  CHECK(party.producer.free_slots(sizeof(Number)).count == 0);
  loan(party, 4);
  party.producer.set_relaying(false);
  party.put(5, 1);
  CHECK(published(party) == std::vector<Number>{1, 2, 3, 4, 5});
}

TEST_CASE("run: it ends with the ring, and where the oldest unfinished item begins") {
  Party party(8);
  CHECK(party.producer.free_slots(sizeof(Number)).count == 8);
  party.put(0, 6);
  iqtest::Eater eater(party.segment);
  REQUIRE(eater.take(4) == 0);
  for (Number n = 1; n <= 4; ++n) REQUIRE(eater.take() == n);   // 0 to 3 are finished, a batch
  CHECK(party.producer.free_slots(sizeof(Number)).count == 2);  // to the ring's end
  party.put(6, 2);
  CHECK(party.producer.free_slots(sizeof(Number)).count == 0);
  REQUIRE(party.producer.wait_for_room(kNow) == Status::ok);
  const auto free = party.producer.found_slots();
  CHECK(free.first == party.lane().slot(8));
  CHECK(free.count == 4);
}

TEST_CASE("run: a tail that a stranger wrote misleads no put, and is set back by the next") {
  for (const Position tail : {Position{0} - 1, Position{1} << 40, Position{17}, ~Position{0} / 2}) {
    CAPTURE(tail);
    Party party(16);
    party.put(1, 3);
    party.lane().control->tail.store(tail);
    party.put(4, 1);
    CHECK(published(party) == std::vector<Number>{1, 2, 3, 4});
    party.lane().control->tail.store(tail);
    loan(party, 5);
    CHECK(published(party) == std::vector<Number>{1, 2, 3, 4, 5});
  }
}
