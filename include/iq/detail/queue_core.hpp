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

  virtual Stats stats() const = 0;
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

/// Endpoints across fork(), for worker groups.
struct IQ_API EndpointTransfer {
  static void adopt(ProducerCore& core);
  static void adopt(ConsumerCore& core);
  static void surrender(ProducerCore& core) noexcept;
  static void surrender(ConsumerCore& core) noexcept;
};

}  // namespace iq::detail
