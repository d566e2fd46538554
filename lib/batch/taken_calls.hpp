// The calls of one ticket in a server's hands.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batch/board.hpp"
#include "batch/wire.hpp"

namespace iq::detail {

class TakenCalls {
 public:
  /// Takes those calls of the ticket that are still asked under it; of a ticket that comes again,
  /// also those that a dead server had taken. B6
  TakenCalls(Board& board, const RequestHead& head, WireReader& refs, bool again);

  std::span<const std::byte> object() const noexcept { return object_; }
  std::span<const std::span<const std::byte>> arguments() const noexcept { return arguments_; }
  std::span<const std::uint64_t> ids() const noexcept { return ids_; }

  /// One thread whose calls are among them, and which.
  struct Caller {
    std::uint32_t member = 0;
    std::uint32_t incarnation = 0;
    InboxAddress inbox;
    std::vector<std::size_t> calls;
  };
  std::span<const Caller> callers() const noexcept { return callers_; }
  /// Who waits has an answer now: batches wait for its next call again.
  void let_members_run() noexcept;
  /// It cannot be told its answers: its calls have failed.
  void fail(const Caller& caller) noexcept;
  /// So have all that the ticket names and that have no other fate, for that reason.
  static void fail_all(Board& board, const RequestHead& head, WireReader refs,
                       const CallEnd& end) noexcept;

 private:
  bool take(const CallRef& ref, bool again);
  void copy(const CallRef& ref);
  Caller* caller_of(std::uint32_t member);

  Board& board_;
  std::uint32_t ticket_;
  std::vector<Caller> callers_;
  std::vector<CallRef> refs_;
  std::vector<std::uint64_t> ids_;
  std::vector<std::byte> object_;
  bool has_object_ = false;
  std::vector<std::byte> bytes_;
  std::vector<std::pair<std::size_t, std::size_t>> places_;
  std::vector<std::span<const std::byte>> arguments_;
};

}  // namespace iq::detail
