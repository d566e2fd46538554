// What the judge keeps of each life, each item and each order while it reads a history.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "stress/history.hpp"

namespace storm {

/// One life of a process.
struct LifeRecord {
  std::uint64_t last = 0;  // place of its last entry
  bool died = false;
  Kind stands = Kind::none;  // the last word on its endpoint: attaching ... relayed
  std::uint32_t in_hand = 0;
  std::uint32_t vanished = 0;  // held at its death, and never seen again
  Role role = Role::none;      // of its newest endpoint
};

/// One item.
struct ItemRecord {
  std::uint64_t tag = 0;
  std::uint32_t producer = 0, holder = 0;
  std::uint16_t producer_session = 0, holder_session = 0;
  std::uint8_t deliveries = 0;  // highest count
  std::uint8_t least = 1;       // what the next count must be
  std::uint8_t causes = 0;      // known deaths and returns
  std::uint8_t holder_detail = 0;
  bool drawn = false, returned = false, held = false, in_work = false, ever = false, done = false,
       parked = false;
};

/// The order at one endpoint of a consumer, of the items of one endpoint of a producer.
struct Stream {
  std::uint32_t consumer, producer;
  std::uint16_t consumer_session, producer_session;
  friend bool operator==(const Stream&, const Stream&) = default;
};
struct HashStream {
  std::size_t operator()(const Stream& stream) const noexcept {
    const std::uint64_t a = std::uint64_t{stream.consumer} << 32 | stream.producer;
    const std::uint64_t b = std::uint64_t{stream.consumer_session} << 16 | stream.producer_session;
    return (a * 0x9E3779B97F4A7C15U) ^ ((b + 1) * 0xC2B2AE3D27D4EB4FU);
  }
};

/// An item that came after a later one of the same producer.
struct Descent {
  std::optional<std::uint32_t> before;  // the later one
  bool unexplained = false;
};

/// Items of one producer come in order, but for those that come again or were taken over: then the
/// one before was in other hands, or came again itself. What only a stopped claimer explains, the
/// history cannot show.
class Orders {
 public:
  Descent meet(const Event& event, const ItemRecord& item, std::span<const ItemRecord> items) {
    const Stream stream{event.who, item.producer, event.session, item.producer_session};
    const auto [last, is_new] = newest_.try_emplace(stream, event.item);
    const std::uint32_t before = last->second;
    last->second = event.item;
    if (is_new || before <= event.item || event.item == 0) return {};
    const ItemRecord& previous = items[event.item - 1];
    const bool here = previous.ever && previous.holder == event.who &&
                      previous.holder_session == event.session && previous.deliveries == 1 &&
                      previous.producer == item.producer &&
                      previous.producer_session == item.producer_session;
    return {before, here};
  }

 private:
  std::unordered_map<Stream, std::uint32_t, HashStream> newest_;
};

}  // namespace storm
