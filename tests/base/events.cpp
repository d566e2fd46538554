// Events wait until it is safe, are told once and in order, and a handler cannot harm who tells.
#include "base/events.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace {

using iq::Event;
using iq::EventKind;
using iq::detail::deliver_events;
using iq::detail::EventHold;
using iq::detail::note_event;

struct Told {
  std::vector<std::uint64_t> ids;
  Told() {
    iq::set_event_handler([this](const Event& event) { ids.push_back(event.item_id); });
  }
  ~Told() { iq::set_event_handler({}); }
};

void note(std::uint64_t id) { note_event({.kind = EventKind::parked, .item_id = id}); }

}  // namespace

TEST_CASE("Event: noted events are told in their order, once, when they are delivered") {
  Told told;
  note(1);
  note(2);
  CHECK(told.ids.empty());
  deliver_events();
  deliver_events();
  CHECK(told.ids == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("Event: nothing is told while it is held, all at the end of the outermost hold") {
  Told told;
  {
    const EventHold outer;
    {
      const EventHold inner;
      note(1);
    }
    deliver_events();
    CHECK(told.ids.empty());
  }
  CHECK(told.ids == std::vector<std::uint64_t>{1});
}

TEST_CASE("Event: without a handler nothing is kept for the next one") {
  note(1);
  deliver_events();
  Told told;
  deliver_events();
  CHECK(told.ids.empty());
}

TEST_CASE("Event: what a handler throws is dropped, and the next event is told") {
  std::vector<std::uint64_t> ids;
  iq::set_event_handler([&](const Event& event) {
    ids.push_back(event.item_id);
    throw std::runtime_error("the handler's own trouble");
  });
  note(1);
  note(2);
  CHECK_NOTHROW(deliver_events());
  iq::set_event_handler({});
  CHECK(ids == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("Event: what a handler brings about is told behind, not inside") {
  std::vector<std::string> log;
  iq::set_event_handler([&](const Event& event) {
    log.push_back("begin " + std::to_string(event.item_id));
    if (event.item_id == 1) {
      note(2);
      deliver_events();
    }
    log.push_back("end " + std::to_string(event.item_id));
  });
  note(1);
  deliver_events();
  iq::set_event_handler({});
  CHECK(log == std::vector<std::string>{"begin 1", "end 1", "begin 2", "end 2"});
}

TEST_CASE("Event: 48 wait at most, the later ones are not told") {
  Told told;
  for (std::uint64_t id = 0; id < 100; ++id) note(id);
  deliver_events();
  CHECK(told.ids.size() == 48);
  CHECK(told.ids.back() == 47);
  note(100);
  deliver_events();
  CHECK(told.ids.back() == 100);
}

TEST_CASE("Event: a forked child has its parent's handler") {
  std::uint64_t seen = 0;
  iq::set_event_handler([&](const Event& event) { seen = event.item_id; });
  iqtest::Child child = iqtest::spawn([&] {
    note(7);
    deliver_events();
    iqtest::require(seen == 7, "the child's copy of the handler is called");
  });
  CHECK(child.wait().ok());
  CHECK(seen == 0);
  iq::set_event_handler({});
}
