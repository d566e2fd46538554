// The untyped queue: a segment, this process's handle on it, and what can be asked of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "iq/detail/api.hpp"
#include "iq/detail/consumer_core.hpp"
#include "iq/detail/endpoint_left_over.hpp"
#include "iq/detail/producer_core.hpp"
#include "iq/options.hpp"
#include "iq/stats.hpp"

namespace iq::detail {

/// What the segment remembers of T, to tell whether another program speaks of the same type.
struct ItemType {
  std::string_view name;
  std::uint64_t layout = 0;
  std::uint32_t bytes = 0;  ///< sizeof(T)
  std::uint32_t alignment = 0;
  std::uint32_t codec_version = 0;
  bool in_place = false;  ///< slots hold T itself
};

enum class OpenMode : unsigned char { create_only, open_only, open_or_create };

/// One parked item on its way to the typed face.
struct ParkedItem {
  std::uint64_t id;
  std::uint32_t deliveries;
  std::span<const std::byte> payload;
};

class IQ_API QueueCore {
 public:
  static std::shared_ptr<QueueCore> make_anonymous(const ItemType& type, const Options& options);
  static std::shared_ptr<QueueCore> make_named(OpenMode mode, const std::string& name,
                                               const ItemType& type, const Options& options);
  static bool remove(const std::string& name);
  virtual ~QueueCore() = default;
  QueueCore(const QueueCore&) = delete;
  QueueCore& operator=(const QueueCore&) = delete;

  virtual ProducerHandle get_producer() = 0;
  virtual ConsumerHandle get_consumer() = 0;

  virtual void close() = 0;
  virtual bool is_closed() const = 0;
  /// `text` null: plain stop; otherwise blocked calls throw Stopped with it.
  virtual void stop(const std::string* text) = 0;

  /// In a child of the process that made it: registers a handle of the child's own.
  virtual void adopt() = 0;
  /// Drains the queue (T42) when it is called, also when this object is gone by then.
  virtual std::function<void()> drainer() const = 0;

  virtual Stats stats() const = 0;
  virtual QueueWaits waits() const = 0;
  virtual std::uint64_t size() const = 0;
  virtual std::uint32_t producers() const = 0;
  virtual std::uint32_t consumers() const = 0;
  virtual bool anonymous() const noexcept = 0;
  virtual const std::string& name() const noexcept = 0;
  virtual bool is_current() const = 0;
  virtual std::string description() const = 0;

  /// Visits parked items; those for which `visit` returns true are removed.
  virtual std::uint32_t visit_parked(const std::function<bool(const ParkedItem&)>& visit) = 0;
  /// Puts every parked item back into the queue. Returns how many.
  virtual std::uint32_t requeue_parked() = 0;

  /// Gives up this process's handle (the queue object is destroyed). Endpoints go on.
  virtual void leave() noexcept = 0;

 protected:
  QueueCore() = default;
};

/// Endpoints between processes. Core is ProducerCore or ConsumerCore.
struct IQ_API EndpointTransfer {
  /// A worker takes an endpoint that its parent does not touch, and the parent lets go of it.
  static void adopt(ProducerCore& core);
  static void adopt(ConsumerCore& core);
  static void surrender(ProducerCore& core) noexcept;
  static void surrender(ConsumerCore& core) noexcept;

  /// The user's own fork: both sides wait for each other.
  static void adopt_from_parent(ProducerCore& core);
  static void adopt_from_parent(ConsumerCore& core);
  static void surrender_to_child(ProducerCore& core);
  static void surrender_to_child(ConsumerCore& core);

  static ProducerHandle dup(ProducerCore& core);
  static ConsumerHandle dup(ConsumerCore& core);

  /// Its puts go on while the queue is drained: it belongs to a worker between two queues.
  static void go_on(ProducerCore& core) noexcept;
  /// From any thread: whoever waits with it returns within the time of a sleep, as from a stop.
  static void dismiss(ProducerCore& core) noexcept;
  static void dismiss(ConsumerCore& core) noexcept;

  // A supervisor holds one byte of an endpoint for as long as processes that hold the other one
  // may follow each other (T40).

  /// Supervisor, once: takes the byte. Errors: WrongProcess, CannotProbe, SystemError.
  template <class Core>
  static void keep(Core& core);
  /// Supervisor, before each process: the endpoint waits for that process (T41).
  template <class Core>
  static void await_heir(Core& core);
  /// Supervisor: the process has ended, or none will come.
  template <class Core>
  static LeftOver left_over(const Core& core) noexcept;
  /// Supervisor: gives the byte up. What a dead process left open is then seen to be dead.
  template <class Core>
  static void renounce(Core& core) noexcept;
  /// Worker: goes on where a predecessor, if there was one, ended. One that was closed stays
  /// closed; a consumer is registered anew. Errors: as adopt(); Busy.
  static void succeed(ProducerCore& core);
  static void succeed(ConsumerCore& core);
};

}  // namespace iq::detail
