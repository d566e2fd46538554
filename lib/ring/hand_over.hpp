// The exact hand-over between two queues: which output commits which input, and how a repairer
// tells. docs/protocol.md, "Hand-over".
#pragma once

#include <memory>
#include <optional>

#include "shm/segment.hpp"

namespace iq::detail {

/// In `relay_from`, beside the queue: its repairer looks for another relay; its input has ended.
inline constexpr std::uint64_t kRelayLeaving = std::uint64_t{1} << 63;
inline constexpr std::uint64_t kRelayPassedOn = std::uint64_t{1} << 62;
inline constexpr std::uint64_t kRelayFlags = kRelayLeaving | kRelayPassedOn;

/// What a dead relay's record says about the item that its consumer had in hand.
enum class HandedOver : unsigned char {
  no,       ///< not published: the input goes to another consumer
  yes,      ///< published: the input is finished
  unknown,  ///< the output queue cannot be reached from here: leave it to somebody who can
};

/// The record of one consumer endpoint, read by its repairer.
class HandOverRecord {
 public:
  /// Errors: none; what cannot be read counts as no record.
  HandOverRecord(const Segment& input, std::uint32_t endpoint) noexcept;

  /// Whether that item's outputs were published. Asks the output queue, opening it if need be.
  HandedOver outcome(std::uint64_t item) noexcept;
  /// T37: the output's lane may be taken by others again. Once the input's leases are decided.
  void release_lane() noexcept;

 private:
  Segment* output() noexcept;

  const Segment& input_;
  std::uint32_t endpoint_;
  std::shared_ptr<Segment> output_;
  bool looked_ = false;
};

}  // namespace iq::detail
