// The same for counts of deliveries, parked items, the order, and the end of the stream.
#include "stress/verdict_book.hpp"

using namespace storm;

TEST_CASE("Verdict: the count of deliveries rises with each known death, and only then") {
  Book told;
  told.puts.returned(0);
  told.gets.delivered(0, 1, 1);
  SUBCASE("too low") {
    told.gets.giving_back(0);
    told.other.delivered(0, 1, 1);
    told.other.acknowledged(0);
    told.other.ended(false);
    CHECK(complains(told, "counts 1 deliveries instead of 2"));
  }
  SUBCASE("it never sinks, neither for the second of several in hand") {
    told.gets.giving_back(0);
    told.gets.delivered(0, 1, 2, kFurther);
    told.gets.giving_back(0);
    told.gets.delivered(0, 1, 1);
    told.gets.acknowledged(0);
    told.other.ended(false);
    CHECK(complains(told, "counts 1 deliveries instead of 2"));
  }
  SUBCASE("too high, and nobody died") {
    told.gets.giving_back(0);
    told.other.delivered(0, 1, 3);
    told.other.acknowledged(0);
    told.other.ended(false);
    CHECK(complains(told, "1 counts without a cause, for 0 deaths"));
  }
  SUBCASE("too high: somebody died before it could write down what it had") {
    told.gets.giving_back(0);
    told.other.died();
    told.gets.delivered(0, 1, 3);
    told.gets.acknowledged(0);
    told.gets.ended(false);
    CHECK(content(told));
  }
  SUBCASE("more often than the queue allows") {
    told.gets.giving_back(0);
    told.other.delivered(0, 1, 2);
    told.other.acknowledged(0);
    told.other.ended(false);
    CHECK(complains(told, "was handed out 2 times", {.max_deliveries = 1}));
  }
  SUBCASE("where nobody counts, nothing is said") {
    told.gets.giving_back(0);
    told.other.delivered(0, 0, 0);
    told.other.acknowledged(0);
    told.other.ended(false);
    CHECK(content(told, {.counted = false}));
  }
}

TEST_CASE("Verdict: an item is in the queue once") {
  Book told;
  told.puts.returned(0);
  told.gets.delivered(0, 1, 1);
  told.gets.giving_back(0);
  told.other.delivered(0, 77, 2);
  told.other.acknowledged(0);
  told.other.ended(false);
  CHECK(complains(told, "is in the queue twice"));
}

TEST_CASE("Verdict: parked items") {
  const Rules rules{.max_deliveries = 2};
  Book told;
  told.puts.returned(0);
  told.gets.delivered(0, 1, 1);
  told.gets.giving_back(0);
  told.gets.delivered(0, 1, 2);
  SUBCASE("after so many deliveries") {
    told.gets.giving_back(0);
    told.by_operator.parked(0, 1, 2);
    told.gets.ended(false);
    CHECK(content(told, rules));
  }
  SUBCASE("too early") {
    told.gets.giving_back(0);
    told.by_operator.parked(0, 1, 1);
    told.gets.ended(false);
    CHECK(complains(told, "parked after 1 deliveries", rules));
  }
  SUBCASE("in somebody's hands") {
    told.by_operator.parked(0, 1, 2);
    told.gets.acknowledged(0);
    told.gets.ended(false);
    CHECK(complains(told, "parked while life 2 holds it", rules));
  }
  SUBCASE("finished") {
    told.gets.acknowledged(0);
    told.by_operator.parked(0, 1, 2);
    told.gets.ended(false);
    CHECK(complains(told, "parked after its acknowledgement", rules));
  }
  SUBCASE("twice, and delivered all the same") {
    told.gets.giving_back(0);
    told.by_operator.parked(0, 1, 2);
    told.by_operator.parked(0, 1, 2);
    told.gets.delivered(0, 1, 2);
    told.gets.acknowledged(0);
    told.gets.ended(false);
    CHECK(complains(told, "parked twice", rules));
    CHECK(complains(told, "delivered after it was parked", rules));
  }
  SUBCASE("another item than was put") {
    told.gets.giving_back(0);
    told.by_operator.parked(0, 5, 2);
    told.gets.ended(false);
    CHECK(complains(told, "is in the queue twice", rules));
  }
}

TEST_CASE("Verdict: the end of the stream") {
  Book told;
  told.pass(0, 2);
  SUBCASE("nobody hears of it") { CHECK(complains(told, "nobody was told the end")); }
  SUBCASE("too early") {
    told.other.ended(false);
    told.pass(2, 1);
    CHECK(complains(told, "delivered after somebody was told the end"));
  }
  SUBCASE("too early for an item that somebody works on") {
    told.puts.returned(2);
    told.gets.delivered(2, 3, 1);
    told.other.ended(false);
    told.gets.acknowledged(2);
    CHECK(complains(told, "life 3 was told the end with 1 items in work"));
  }
  SUBCASE("in time for one whose acknowledgement is not written down yet") {
    told.puts.returned(2);
    told.gets.delivered(2, 3, 1);
    told.gets.finishing(2);
    told.other.ended(false);
    told.gets.acknowledged(2);
    CHECK(content(told));
  }
}

TEST_CASE("Verdict: a producer's death, and who is told of it") {
  Book told;
  told.pass(0, 2);
  SUBCASE("a death is kept from a consumer") {
    told.puts.died();
    told.gets.ended(true);
    told.other.ended(false);
    CHECK(complains(told, "was not told that a producer died", {.told = Told::of_deaths}));
  }
  SUBCASE("a death is told") {
    told.puts.died();
    told.gets.ended(true);
    CHECK(content(told, {.told = Told::of_deaths}));
    CHECK(told.verdict().producer_deaths == 1);
  }
  SUBCASE("a death is told where it should be quiet") {
    told.puts.died();
    told.gets.ended(true);
    CHECK(complains(told, "was told of a producer's death"));
  }
  SUBCASE("a death is told, and all are well") {
    told.puts.detaching();
    told.puts.detached();
    told.gets.ended(true);
    CHECK(complains(told, "was told of a producer's death", {.told = Told::of_deaths}));
  }
  SUBCASE("killed when it had closed") {
    told.puts.detaching();
    told.puts.detached();
    told.puts.died();
    told.gets.ended(true);
    CHECK(complains(told, "was told of a producer's death", {.told = Told::of_deaths}));
  }
  SUBCASE("of a relay's death nobody is told") {
    told.puts.relaying();
    told.puts.died();
    told.gets.ended(true);
    CHECK(complains(told, "was told of a producer's death", {.told = Told::of_others}));
    CHECK(content(told, {.told = Told::of_deaths}));
  }
  SUBCASE("of one that did not relay yet, or no longer, perhaps") {
    told.puts.relaying();
    told.puts.relayed();
    told.puts.died();
    told.gets.ended(true);
    CHECK(content(told, {.told = Told::of_others}));
  }
  SUBCASE("killed while it closed: both are right") {
    told.puts.detaching();
    told.puts.died();
    told.gets.ended(false);
    CHECK(content(told, {.told = Told::of_deaths}));
  }
}

TEST_CASE("Verdict: the order of one producer at one consumer") {
  Book told;
  for (std::uint32_t id = 0; id < 6; ++id) told.puts.returned(id);
  const auto pass = [&](Scribe& scribe, std::uint32_t id, std::uint32_t deliveries = 1) {
    scribe.delivered(id, id + 1, deliveries);
    scribe.acknowledged(id);
  };
  SUBCASE("broken without a reason") {
    for (const std::uint32_t id : {0U, 3U, 4U, 5U, 1U, 2U}) pass(told.gets, id);
    told.gets.ended(false);
    CHECK(complains(told, "1 breaks of the order, with 0 batches taken over"));
    CHECK(content(told, {.taken_over = 1}));
    CHECK(content(told, {.ordered = false}));
  }
  SUBCASE("taken over: the one before was another's") {
    pass(told.other, 0);
    for (const std::uint32_t id : {3U, 4U, 5U, 1U, 2U}) pass(told.gets, id);
    told.gets.ended(false);
    CHECK(content(told));
  }
  SUBCASE("comes again") {
    told.gets.delivered(0, 1, 1);
    told.gets.giving_back(0);
    for (const std::uint32_t id : {1U, 2U, 3U, 4U, 5U}) pass(told.gets, id);
    pass(told.gets, 0, 2);
    told.gets.ended(false);
    CHECK(content(told));
  }
  SUBCASE("never where there is only one consumer, and nobody is harmed") {
    told.gets.alone();
    Scribe fresh(told.history, kOther + 2);
    fresh.attaching(Role::producer);
    fresh.attached();
    for (std::uint32_t id = 0; id < 6; ++id) pass(told.gets, id);
    fresh.drew(8, 4);
    for (const std::uint32_t id : {8U, 10U, 9U, 11U}) {
      fresh.returned(id);
      pass(told.gets, id);
    }
    told.gets.ended(false);
    CHECK(complains(told, "item 9, at "));
    CHECK(complains(told, "comes after item 10, to the only consumer"));
  }
  SUBCASE("... which it is no longer when another one has come") {
    told.gets.alone();
    Scribe fresh(told.history, kOther + 2);
    fresh.attaching(Role::producer);
    fresh.drew(8, 4);
    told.other.attaching(Role::consumer);
    for (std::uint32_t id = 0; id < 6; ++id) pass(told.gets, id);
    fresh.returned(8);
    pass(told.other, 8);
    for (const std::uint32_t id : {10U, 11U, 9U}) {
      fresh.returned(id);
      pass(told.gets, id);
    }
    told.gets.ended(false);
    CHECK(content(told, {.taken_over = 1}));
  }
}
