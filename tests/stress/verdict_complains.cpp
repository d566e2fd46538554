// The judge of the storm is shown histories that are wrong: it must complain of each, and of none
// that is right. Here: what is lost, doubled or torn, and the history itself.
#include "stress/verdict_book.hpp"
#include "support/process.hpp"

using namespace storm;

TEST_CASE("Verdict: an undisturbed history is right") {
  Book told;
  told.pass(0, 8);
  told.gets.ended(false);
  CHECK(content(told));
  const Verdict verdict = told.verdict();
  CHECK(verdict.returned == 8);
  CHECK(verdict.delivered == 8);
  CHECK(verdict.acknowledged == 8);
  CHECK(verdict.ends == 1);
}

TEST_CASE("Verdict: an item that never comes is lost, unless its put did not return") {
  Book told;
  told.pass(0, 4);
  SUBCASE("returned") {
    told.puts.returned(5);
    told.gets.ended(false);
    CHECK(complains(told, "item 5, at "));
    CHECK(complains(told, "lost: its put returned"));
    CHECK(told.verdict().lost == 1);
  }
  SUBCASE("not returned") {
    told.gets.ended(false);
    CHECK(content(told));
  }
}

TEST_CASE("Verdict: in two hands") {
  Book told;
  told.puts.returned(0);
  told.gets.delivered(0, 1, 1);
  SUBCASE("of two who live") {
    told.other.delivered(0, 1, 2);
    told.other.acknowledged(0);
    told.other.ended(false);
    CHECK(complains(told, "in the hands of life 2, and delivered to life 3"));
  }
  SUBCASE("after a death") {
    told.other.delivered(0, 1, 2);
    told.other.acknowledged(0);
    told.gets.died();  // found later than the repair
    told.other.ended(false);
    CHECK(content(told));
    CHECK(told.verdict().doubled == 1);
    CHECK(told.verdict().holder_deaths == 1);
  }
  SUBCASE("of one who died later") {
    told.other.delivered(0, 1, 2);
    told.gets.delivered(1, 2, 1);
    told.gets.died();
    told.other.ended(false);
    CHECK(complains(told, "which lived on"));
  }
  SUBCASE("after it was given back") {
    told.gets.giving_back(0);
    told.other.delivered(0, 1, 2);
    told.other.acknowledged(0);
    told.other.ended(false);
    CHECK(content(told));
  }
}

TEST_CASE("Verdict: never again after its acknowledgement has returned") {
  Book told;
  told.pass(0, 1);
  told.other.delivered(0, 1, 2);
  told.other.acknowledged(0);
  told.gets.died();
  told.other.ended(false);
  CHECK(complains(told, "delivered after its acknowledgement had returned"));
}

TEST_CASE("Verdict: given back, and never seen again") {
  Book told;
  told.puts.returned(0);
  told.gets.delivered(0, 1, 1);
  told.gets.giving_back(0);
  told.gets.ended(false);
  CHECK(complains(told, "lost after it was given back"));
}

TEST_CASE("Verdict: still in somebody's hands at the end") {
  Book told;
  told.puts.returned(0);
  told.gets.delivered(0, 1, 1);
  SUBCASE("who lives") {
    told.other.ended(false);
    CHECK(complains(told, "still held by life 2"));
  }
  SUBCASE("who died with it") {
    told.gets.died();
    told.other.ended(false);
    CHECK(complains(told, "lost with life 2"));
  }
  SUBCASE("who died before it could write that it acknowledged") {
    told.gets.finishing(0);
    told.gets.died();
    told.other.ended(false);
    CHECK(content(told));
  }
  SUBCASE("who died: that can be said of one item only") {
    told.puts.returned(1);
    told.gets.delivered(1, 2, 1);
    told.gets.finishing(0);
    told.gets.finishing(1);
    told.gets.died();
    told.other.ended(false);
    CHECK(complains(told, "lost with life 2"));
  }
  SUBCASE("of several that are acknowledged together it can") {
    told.puts.returned(1);
    told.gets.delivered(1, 0, 1, kFurther);
    told.gets.finishing(0);
    told.gets.finishing(1);
    told.gets.died();
    told.other.ended(false);
    CHECK(content(told));
  }
}

TEST_CASE("Verdict: what nobody put, what is torn, what somebody else holds") {
  Book told;
  told.pass(0, 2);
  SUBCASE("never put") {
    told.gets.delivered(9, 1, 1);
    told.gets.acknowledged(9);
    told.gets.ended(false);
    CHECK(complains(told, "nobody put it"));
  }
  SUBCASE("torn") {
    told.gets.torn(3);
    told.gets.ended(false);
    CHECK(complains(told, "torn"));
    CHECK(told.verdict().torn == 1);
  }
  SUBCASE("acknowledged by a stranger") {
    told.puts.returned(3);
    told.gets.delivered(3, 4, 1);
    told.other.acknowledged(3);
    told.gets.ended(false);
    CHECK(complains(told, "acknowledged by life 3, which does not hold it"));
  }
}

TEST_CASE("Verdict: a gap says nothing, and the story of an item is told") {
  Book told;
  told.history.write({});
  told.pass(0, 2);
  told.gets.ended(false);
  CHECK(content(told));
  const std::string story = story_of(told.history.events(), 1);
  for (const char* word :
       {"drawn, life 1", "returned, life 1", "delivered, life 2", "acknowledged"}) {
    CHECK(story.find(word) != std::string::npos);
  }
}

TEST_CASE("History: children write into it, killed or not, and no entry is half") {
  History history(1 << 20);
  iqtest::Child child = iqtest::spawn([&] {
    Scribe scribe(history, 7);
    for (std::uint32_t id = 0;; ++id) scribe.delivered(id, id, 1);
  });
  REQUIRE(iqtest::wait_until([&] { return history.written() > 1000; }));
  child.kill_and_wait();
  std::uint32_t expected = 0;
  for (const Event& event : history.events()) {
    if (event.kind == Kind::none) continue;
    CHECK(event.item == expected++);
    CHECK(event.who == 7);
  }
  CHECK(expected + 1 >= std::min(history.written(), history.capacity()));
}

TEST_CASE("History: full, it takes no more and says so") {
  History history(16);
  const Scribe scribe(history, 0);
  for (std::uint32_t id = 0; id < 20; ++id) scribe.returned(id);
  CHECK(history.nearly_full());
  CHECK(history.events().size() == 16);
  CHECK(history.written() == 20);
}
