// What the types themselves promise: who may put, who may get, what moves, what does not compile.
#include <doctest/doctest.h>

#include <chrono>
#include <concepts>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "iq/iq.hpp"

namespace {

using namespace std::chrono_literals;

template <class E>
concept Puts = requires(E& e) {
  e.put(1);
};
template <class E>
concept TriesToPut = requires(E& e) {
  e.try_put(1);
};
template <class E>
concept PutsFor = requires(E& e) {
  e.put_for(1, 1s);
};
template <class E>
concept PutsUntil = requires(E& e) {
  e.put_until(1, std::chrono::steady_clock::now());
};
template <class E>
concept PutsAll = requires(E& e, std::vector<int> v) {
  e.put_all(v);
};
template <class E>
concept Gets = requires(E& e) {
  e.get();
};
template <class E>
concept TriesToGet = requires(E& e) {
  e.try_get();
};
template <class E>
concept GetsFor = requires(E& e) {
  e.get_for(1s);
};
template <class E>
concept GetsUntil = requires(E& e) {
  e.get_until(std::chrono::steady_clock::now());
};
template <class E>
concept GetsSome = requires(E& e) {
  e.get_some(3);
};
template <class E>
concept Begins = requires(E& e) {
  e.begin();
};

using Producer = iq::Producer<int>;
using Consumer = iq::Consumer<int>;
using Queue = iq::IterableQueue<int>;

// A6: directed.
static_assert(Puts<Producer> && TriesToPut<Producer> && PutsFor<Producer> && PutsUntil<Producer> &&
              PutsAll<Producer>);
static_assert(!Gets<Producer> && !TriesToGet<Producer> && !GetsFor<Producer> &&
              !GetsUntil<Producer> && !GetsSome<Producer> && !Begins<Producer>);
static_assert(Gets<Consumer> && TriesToGet<Consumer> && GetsFor<Consumer> && GetsUntil<Consumer> &&
              GetsSome<Consumer> && Begins<Consumer>);
static_assert(!Puts<Consumer> && !TriesToPut<Consumer> && !PutsFor<Consumer> &&
              !PutsUntil<Consumer> && !PutsAll<Consumer>);
static_assert(!Puts<Queue> && !Gets<Queue> && !Begins<Queue>);

// A2: endpoints and queues move and do not copy, and come from a queue only.
template <class T>
constexpr bool kMoveOnly =
    std::is_nothrow_move_constructible_v<T>&& std::is_nothrow_move_assignable_v<T> &&
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(kMoveOnly<Producer> && kMoveOnly<Consumer> && kMoveOnly<Queue>);
static_assert(kMoveOnly<Consumer::Iterator>);
static_assert(!std::is_default_constructible_v<Producer>);
static_assert(!std::is_default_constructible_v<Consumer>);
static_assert(!std::is_convertible_v<iq::Options, Queue>, "an option list is no queue");

static_assert(std::same_as<Consumer::value_type, int> && std::same_as<Queue::value_type, int>);
static_assert(std::same_as<decltype(std::declval<Consumer&>().get()), std::optional<int>>);
static_assert(std::same_as<decltype(std::declval<Consumer&>().try_get()), iq::Result<int>>);
static_assert(std::same_as<decltype(std::declval<Producer&>().try_put(1)), iq::Status>);
static_assert(
    std::same_as<decltype(std::declval<Producer&>().put_all(std::vector<int>{})), std::size_t>);

// Every error is an iq::Error, which is a std::runtime_error, and has its code.
template <class... E>
constexpr bool kAllErrors = (std::is_base_of_v<iq::Error, E> && ...);
static_assert(
    kAllErrors<iq::Closed, iq::NoConsumers, iq::TooLarge, iq::WrongType, iq::WrongProcess,
               iq::WrongOptions, iq::WrongVersion, iq::NoSpace, iq::Corrupt, iq::Stopped,
               iq::Interrupted, iq::NameInUse, iq::NotFound, iq::NoPermission, iq::BadName,
               iq::BadArgument, iq::TooManyEndpoints, iq::CannotProbe, iq::WouldDeadlock, iq::Busy,
               iq::ProducerDied, iq::ProducerFailed, iq::SystemError, iq::WorkerFailed>);
static_assert(std::is_base_of_v<std::runtime_error, iq::Error>);

struct Aggregate {
  int number;
  std::string text;
  std::vector<std::optional<double>> values;
};
static_assert(iq::Encodable<Aggregate> && iq::Encodable<std::string> && iq::Encodable<int>);
static_assert(iq::Encodable<std::map<std::string, std::pair<int, std::vector<char>>>>);
static_assert(iq::Encodable<std::variant<int, std::string>>);
static_assert(!iq::Encodable<int*> && !iq::Encodable<std::string_view>);

}  // namespace

TEST_CASE("Options: every member may be named alone, in the order of the header") {
  const iq::Options options{.capacity = 4,
                            .bytes_per_producer = 4096,
                            .max_deliveries = 2,
                            .delivery = iq::Delivery::at_most_once,
                            .on_producer_death = iq::OnProducerDeath::end,
                            .mode = 0640,
                            .reserve_lanes = 1,
                            .ends_with_creator = true,
                            .require_options = true};
  Queue queue(options);
  Queue brief({.capacity = 64});
  CHECK(queue.is_anonymous());
  CHECK(brief.name().empty());
  CHECK(brief.stats().lanes == 0);
}

TEST_CASE("Status and Errc: every value has a word of its own") {
  using iq::Status;
  CHECK(to_string(Status::ok) == "ok");
  CHECK(to_string(Status::full) == "full");
  CHECK(to_string(Status::empty) == "empty");
  CHECK(to_string(Status::timeout) == "timeout");
  CHECK(to_string(Status::done) == "done");
  CHECK(to_string(Status::closed) == "closed");
  CHECK(to_string(Status::no_consumers) == "no_consumers");
  CHECK(to_string(Status::stopped) == "stopped");
  CHECK(iq::to_string(iq::Errc::no_space) == "no_space");
  CHECK(iq::Closed("x").code() == iq::Errc::closed);
  CHECK(iq::WouldDeadlock("x").code() == iq::Errc::would_deadlock);
}

TEST_CASE("Result: reads like an optional, and value() of none throws") {
  iq::Result<std::string> some(std::string("text"));
  CHECK(some.has_value());
  CHECK(some.status() == iq::Status::ok);
  CHECK(*some == "text");
  CHECK(some->size() == 4);
  CHECK(std::move(some).value() == "text");

  iq::Result<std::string> none(iq::Status::timeout);
  CHECK_FALSE(none);
  CHECK(none.status() == iq::Status::timeout);
  CHECK_THROWS_AS(none.value(), std::bad_optional_access);
}
