// The untyped core of ClosableQueue: a ring of items behind one lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "iq/detail/api.hpp"
#include "iq/status.hpp"

namespace iq::detail {

/// Threads and processes: any, at the same time, also those forked later.
class IQ_API ClosableStore {
 public:
  /// `slot_bytes` of each item, or 0: items are encoded into a ring of `ring_bytes`.
  /// Errors: BadArgument; NoSpace; SystemError.
  ClosableStore(std::uint64_t capacity, std::uint64_t slot_bytes, std::uint64_t ring_bytes);
  ClosableStore(const ClosableStore&) = delete;
  ClosableStore& operator=(const ClosableStore&) = delete;
  ~ClosableStore();

  /// A place for an item of `bytes` bytes, waiting for room. ok: the lock is held until Turn ends;
  /// otherwise full, timeout or closed. Errors: TooLarge.
  Status begin_put(std::uint64_t bytes, std::int64_t deadline_ns, std::byte*& to);
  /// The oldest item, waiting for one. ok: the lock is held until Turn ends; otherwise empty,
  /// timeout or done.
  Status begin_get(std::int64_t deadline_ns, std::span<const std::byte>& item);

  /// Ends what one of these began: commits it, or, destroyed without, leaves all as it was.
  class Turn {
   public:
    explicit Turn(ClosableStore& store) noexcept : store_(&store) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (store_ != nullptr) store_->give_up();
    }
    void put() noexcept { take()->commit_put(); }
    void got() noexcept { take()->commit_get(); }

   private:
    ClosableStore* take() noexcept {
      ClosableStore* store = store_;
      store_ = nullptr;
      return store;
    }
    ClosableStore* store_;
  };

  /// False: it was closed already.
  bool close() noexcept;
  bool is_closed() const noexcept;
  std::uint64_t size() const noexcept;
  std::uint64_t capacity() const noexcept;

 private:
  void give_up() noexcept;
  void commit_put() noexcept;
  void commit_get() noexcept;

  struct Shared;
  struct Own;
  Shared& shared() const noexcept;

  std::unique_ptr<Own> own_;
};

/// Errors: Closed.
[[noreturn]] IQ_API void refuse_closed_put();
[[noreturn]] IQ_API void refuse_second_close();

}  // namespace iq::detail
