// The registry: who is registered, in which incarnation, and how an endpoint is handed over.
#include "shm/attachment.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "iq/error.hpp"
#include "support/process.hpp"

using namespace iq::detail;

namespace {

std::shared_ptr<Segment> make_segment() {
  SegmentHeader header{};
  header.capacity = 4;
  header.slot_bytes = 8;
  header.in_place = 1;
  header.max_deliveries = 3;
  return Segment::create_anonymous(header);
}

Held owner_byte(const Segment& segment, std::uint32_t index) {
  return probe_lock(segment.lock_file(), endpoint_byte(index), 1);
}

}  // namespace

TEST_CASE("attachment: registered, counted and locked until it is detached") {
  const auto segment = make_segment();
  Attachment empty;
  CHECK_FALSE(empty);
  Attachment consumer = Attachment::attach(segment, Role::consumer);
  REQUIRE(consumer);
  CHECK(consumer.in_this_process());
  CHECK(consumer.role() == Role::consumer);
  CHECK(any_registered(*segment, Role::consumer));
  CHECK_FALSE(any_registered(*segment, Role::producer));
  CHECK(count_registered(*segment, Role::consumer) == 1);
  CHECK(owner_byte(*segment, consumer.index()) == Held::yes);

  const std::uint32_t index = consumer.index();
  Attachment moved = std::move(consumer);
  CHECK_FALSE(consumer);
  moved.detach();
  moved.detach();
  CHECK_FALSE(moved);
  CHECK(owner_byte(*segment, index) == Held::no);
  CHECK(count_registered(*segment, Role::consumer) == 0);
}

TEST_CASE("attachment: a place that is used again has another incarnation") {
  const auto segment = make_segment();
  std::uint32_t last = 0;
  for (int i = 0; i < 5; ++i) {
    Attachment made = Attachment::attach(segment, Role::handle);
    CHECK(made.index() == 0);
    CHECK(made.incarnation() > last);
    last = made.incarnation();
    made.detach();
  }
}

TEST_CASE("attachment: closed to producers, open to consumers, and to producers on purpose") {
  const auto segment = make_segment();
  segment->control().flags.fetch_or(kClosed);
  CHECK_THROWS_AS(Attachment::attach(segment, Role::producer), iq::Closed);
  CHECK_FALSE(any_registered(*segment, Role::producer));
  CHECK(owner_byte(*segment, 0) == Held::no);
  Attachment consumer = Attachment::attach(segment, Role::consumer);
  CHECK(consumer);
  Attachment producer = Attachment::attach(segment, Role::producer, true);
  CHECK(producer);
  producer.detach();
  consumer.detach();
}

TEST_CASE("attachment: all 1,024 places, then an empty answer, then the one that was left") {
  const auto segment = make_segment();
  std::deque<Attachment> all;
  for (std::uint32_t i = 0; i < kMaxEndpoints; ++i) {
    all.push_back(Attachment::attach(segment, i % 2 == 0 ? Role::producer : Role::consumer));
    REQUIRE(all.back());
    REQUIRE(all.back().index() == i);
  }
  CHECK_FALSE(Attachment::attach(segment, Role::handle));
  CHECK(count_registered(*segment, Role::producer) == kMaxEndpoints / 2);
  all[700].detach();
  all[700] = Attachment::attach(segment, Role::handle);
  CHECK(all[700].index() == 700);
  for (auto& one : all) one.detach();
  CHECK_FALSE(any_registered(*segment, Role::producer));
}

TEST_CASE("attachment: threads that attach at the same time get different places") {
  const auto segment = make_segment();
  std::vector<std::atomic<int>> owners(kMaxEndpoints);
  std::vector<std::thread> threads;
  std::atomic<bool> shared{false};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        Attachment made = Attachment::attach(segment, Role::consumer);
        if (!made || ++owners[made.index()] != 1) shared = true;
        if (made) --owners[made.index()];
        made.detach();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(shared);
  CHECK(count_registered(*segment, Role::consumer) == 0);
}

TEST_CASE("attachment: adopted by a child it survives the surrender, and ends with the child") {
  const auto segment = make_segment();
  Attachment endpoint = Attachment::attach(segment, Role::consumer);
  const std::uint32_t index = endpoint.index();
  iqtest::Gate adopted;
  iqtest::Gate surrendered;
  auto child = iqtest::spawn([&] {
    iqtest::require(!endpoint.in_this_process(), "inherited, not owned");
    endpoint.adopt();
    iqtest::require(endpoint.in_this_process(), "owned");
    endpoint.adopt();  // once more does nothing
    adopted.post();
    surrendered.wait();
    iqtest::require(count_registered(*segment, Role::consumer) == 1, "still registered");
    endpoint.detach();
  });
  adopted.wait();
  endpoint.surrender();
  CHECK(count_registered(*segment, Role::consumer) == 1);
  CHECK(probe_lock(segment->lock_file(), endpoint_byte(index), 2) == Held::yes);
  surrendered.post();
  CHECK(child.wait().ok());
  CHECK(count_registered(*segment, Role::consumer) == 0);
  CHECK(probe_lock(segment->lock_file(), endpoint_byte(index), 2) == Held::no);
}

TEST_CASE("attachment: one that was detached before the child came is WrongProcess there") {
  const auto segment = make_segment();
  Attachment endpoint = Attachment::attach(segment, Role::consumer);
  iqtest::Gate gone;
  auto child = iqtest::spawn([&] {
    gone.wait();
    try {
      endpoint.adopt();
    } catch (const iq::WrongProcess&) {
      return 0;
    }
    return 1;
  });
  endpoint.detach();
  Attachment other = Attachment::attach(segment, Role::consumer);  // the place is in use again
  gone.post();
  CHECK(child.wait().ok());
  CHECK(other.in_this_process());
  other.detach();
}

TEST_CASE("attachment: a killed holder is registered without a lock, which is how repair knows") {
  const auto segment = make_segment();
  iqtest::Gate made;
  auto child = iqtest::spawn([&] {
    Attachment endpoint = Attachment::attach(segment, Role::producer);
    made.post();
    iqtest::Gate().wait(100);
  });
  made.wait();
  CHECK(owner_byte(*segment, 0) == Held::yes);
  child.kill_and_wait();
  CHECK(owner_byte(*segment, 0) == Held::no);
  CHECK(any_registered(*segment, Role::producer));
  Attachment next = Attachment::attach(segment, Role::consumer);
  CHECK(next.index() == 1);  // its place is not given away before it is repaired
  next.detach();
}

TEST_CASE("attachment: a token is used once; what nobody came for is told from what was closed") {
  const auto segment = make_segment();
  Attachment keeper = Attachment::attach(segment, Role::consumer);
  CHECK_FALSE(keeper.is_unused());
  keeper.mark_token(7);
  CHECK(keeper.is_unused());
  CHECK(keeper.other_byte() == Held::no);
  Attachment wrong = Attachment::of_token(segment, keeper.index(), keeper.incarnation(),
                                          Role::consumer, 8);
  CHECK_FALSE(wrong.is_unused());
  CHECK_FALSE(wrong.use_token());
  Attachment heir = Attachment::of_token(segment, keeper.index(), keeper.incarnation(),
                                         Role::consumer, 7);
  REQUIRE(heir.try_adopt());
  CHECK(keeper.other_byte() == Held::yes);
  CHECK_FALSE(wrong.try_adopt());
  CHECK(heir.use_token());
  CHECK_FALSE(heir.use_token());
  CHECK_FALSE(keeper.is_unused());
  CHECK(keeper.is_registered());
  heir.detach();
  CHECK_FALSE(keeper.is_registered());
  CHECK_THROWS_AS(wrong.try_adopt(), iq::WrongProcess);
  keeper.surrender();
}
