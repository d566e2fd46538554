// An endpoint in the registry, held by a live process: its number, its incarnation, its lock.
#pragma once

#include <cstdint>
#include <memory>

#include "shm/segment.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {

/// A registered endpoint. Made by attach(); given up by detach(), or by the process's end.
///
/// States of the registry's word: FREE -> LIVE (attach, T19) -> FREE (detach, T20, or repair of
/// the dead, T21). The lock byte is taken before LIVE and given up after FREE, so LIVE with no
/// holder means: the owner is dead.
class Attachment {
 public:
  Attachment() noexcept = default;
  Attachment(Attachment&&) noexcept = default;
  Attachment& operator=(Attachment&&) noexcept = default;

  /// Registers an endpoint. Producers are refused once the queue is closed, unless `even_closed`.
  /// An empty result: every byte is held or in use (the caller repairs and tries again).
  /// Errors: Closed, CannotProbe, SystemError.
  static Attachment attach(std::shared_ptr<Segment> segment, Role role, bool even_closed = false);

  /// Ends the registration; leases and lanes must be given up before.
  void detach() noexcept;

  /// In a child of the owner: takes the endpoint over, by the other of its two lock bytes. Both
  /// hold it until the parent surrenders. Errors: WrongProcess when it is no longer the same
  /// endpoint or a third party is in the middle of the same; CannotProbe, SystemError.
  void adopt();
  /// One try of adopt(). False when both bytes are held, for whatever reason.
  /// Errors: WrongProcess when it is no longer the same endpoint; CannotProbe, SystemError.
  bool try_adopt();
  /// In a process that knows the endpoint by name only: the same, for the process that `token`
  /// waits for. Nothing is taken over yet: resume() of the ring does that. Errors: as try_adopt().
  static Attachment of_token(std::shared_ptr<Segment> segment, std::uint32_t index,
                             std::uint32_t incarnation, Role role, std::uint64_t token);
  /// Drops the lock and is again what it was before try_adopt(): inherited.
  void unadopt() noexcept;
  /// In the former owner: drops its lock and forgets the endpoint, which lives on in the child.
  void surrender() noexcept;

  /// T41: from here on the endpoint waits for one process that calls use_token().
  void mark_token(std::uint64_t token) noexcept;
  /// False when the endpoint does not wait for this token (any more).
  bool use_token() noexcept;
  /// The endpoint waits, and nobody has come.
  bool is_unused() const noexcept;
  /// It has not been closed since, by anybody.
  bool is_registered() const noexcept;
  /// Whether another process holds the byte that this one does not.
  Held other_byte() const noexcept;

  explicit operator bool() const noexcept { return segment_ != nullptr; }
  bool in_this_process() const noexcept { return generation_ == process_generation(); }
  std::uint64_t generation() const noexcept { return generation_; }
  Segment& segment() const noexcept { return *segment_; }
  const std::shared_ptr<Segment>& shared_segment() const noexcept { return segment_; }
  std::uint32_t index() const noexcept { return index_; }
  std::uint32_t incarnation() const noexcept { return incarnation_; }
  Role role() const noexcept { return role_; }
  std::uint64_t token() const noexcept { return token_; }

 private:
  std::shared_ptr<Segment> segment_;
  PinnedLock lock_;
  std::uint64_t generation_ = 0;
  std::uint64_t former_generation_ = 0;  ///< before try_adopt()
  std::uint64_t token_ = 0;
  std::uint64_t byte_ = 0;  ///< which of the two is locked
  std::uint32_t index_ = 0;
  std::uint32_t incarnation_ = 0;
  Role role_ = Role::none;
};

/// Whether any endpoint of the role is registered, alive or not yet repaired; exact also while
/// others register (P8).
bool any_registered(const Segment& segment, Role role) noexcept;
/// The same of those endpoints that count.
bool any_registered(const Segment& segment, Role role,
                    bool (*counts)(const Segment& segment, std::uint32_t endpoint)) noexcept;

/// How many endpoints of the role, or of all roles, are registered now.
std::uint32_t count_registered(const Segment& segment, Role role = Role::none) noexcept;

}  // namespace iq::detail
