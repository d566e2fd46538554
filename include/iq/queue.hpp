// The queue: made or opened here, used through its producers and consumers.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "iq/codec.hpp"
#include "iq/consumer.hpp"
#include "iq/detail/queue_core.hpp"
#include "iq/options.hpp"
#include "iq/producer.hpp"
#include "iq/stats.hpp"
#include "iq/token.hpp"

namespace iq {

/// How a constructor treats a name: `iq::IterableQueue<Job> q{iq::create_only, "jobs"};`
struct CreateOnly {};
struct OpenOnly {};                              ///< see CreateOnly
struct OpenOrCreate {};                          ///< see CreateOnly
inline constexpr CreateOnly create_only{};       ///< the name must be free
inline constexpr OpenOnly open_only{};           ///< the queue must exist
inline constexpr OpenOrCreate open_or_create{};  ///< whoever comes first creates it

/// Removes the name of a queue. Processes that are attached go on with it; whoever opens the name
/// afterwards gets another queue. False when there was none. Errors: BadName, NoPermission.
inline bool remove(const std::string& name) { return detail::QueueCore::remove(name); }

/// An item that was handed out max_deliveries times and never acknowledged.
template <class T>
struct Parked {
  T item;                        ///< a copy
  std::uint64_t id = 0;          ///< as Consumer::item_id()
  std::uint32_t deliveries = 0;  ///< as Consumer::deliveries(), of the last time
};

/// A bounded queue in shared memory that knows its producers and consumers.
///
/// Get all endpoints, or hand the queue to WorkerGroup::fork, then close() it: no new producers
/// come, and each consumer's loop ends when those that exist have closed and all is done.
///
/// Threads:   all members may be called from any thread.
/// Processes: this object belongs to the process that made it; see Producer and Consumer.
/// If killed: endpoints in other processes go on. An anonymous queue then counts as closed, since
///            nobody can hand out producers any more.
template <class T>
class IterableQueue {
  using Payload = detail::Payload<T>;

 public:
  using value_type = T;  ///< the type of the items

  /// An anonymous queue: for this process, its threads and its forked children.
  /// Errors: NoSpace with both figures; BadArgument; CannotProbe where the system cannot tell who
  ///         is alive; SystemError.
  explicit IterableQueue(const Options& options = {})
      : core_(detail::QueueCore::make_anonymous(detail::item_type<T>(), options)) {}

  /// A named queue, for programs of their own. Errors: as above; BadName, NameInUse, NoPermission.
  IterableQueue(CreateOnly, const std::string& name, const Options& options = {})
      : IterableQueue(detail::OpenMode::create_only, name, options) {}
  /// Errors: NotFound; WrongType, WrongVersion with both descriptions; WrongOptions; Corrupt; as
  /// above.
  IterableQueue(OpenOnly, const std::string& name, const Options& options = {})
      : IterableQueue(detail::OpenMode::open_only, name, options) {}
  /// Opens the queue or creates it. One that is finished begins anew. One that is closed and has
  /// items gives them to consumers, then the end; a first producer that is alone opens it again.
  /// One whose users have all left and whose type differs is replaced, items and all: its items
  /// cannot be read any more.
  /// Errors: as above; Busy when others kept replacing it.
  IterableQueue(OpenOrCreate, const std::string& name, const Options& options = {})
      : IterableQueue(detail::OpenMode::open_or_create, name, options) {}

  /// Takes over the queue object. `other` can only be assigned to and destroyed.
  IterableQueue(IterableQueue&& other) noexcept = default;
  /// As the destructor, then as the constructor.
  IterableQueue& operator=(IterableQueue&& other) noexcept {
    if (this != &other) {
      if (core_) core_->leave();
      core_ = std::move(other.core_);
    }
    return *this;
  }

  /// Leaves the queue. Endpoints go on. The last one to leave a closed and drained queue removes
  /// its name.
  ~IterableQueue() {
    if (core_) core_->leave();
  }

  /// A new producer, counted from now on. Errors: Closed after close(); NoSpace "needs N, has M";
  /// TooManyEndpoints; WrongProcess.
  Producer<T> get_producer() { return Producer<T>(core().get_producer()); }
  /// A new consumer; also after close(), for what is left. Errors: TooManyEndpoints; WrongProcess.
  Consumer<T> get_consumer() { return Consumer<T>(core().get_consumer()); }

  /// As get_producer(), for a program that WorkerGroup::exec starts.
  Token producer_token() { return detail::TokenAccess::make(core().get_producer()); }
  /// As get_consumer(), for a program that WorkerGroup::exec starts.
  Token consumer_token() { return detail::TokenAccess::make(core().get_consumer()); }

  /// In a child that the program forked itself: makes this object usable there too. The parent's
  /// stays as it is; both count. Nothing where it is usable already.
  /// Errors: TooManyEndpoints; CannotProbe; SystemError.
  void adopt() { core().adopt(); }

  /// No new producers from now on; those that exist go on. Idempotent, never blocks.
  /// Errors: WrongProcess.
  void close() { core().close(); }
  /// Whether close() was called, by any process, or the queue counts as closed.
  bool is_closed() const { return core().is_closed(); }

  /// Ends everything now, in every process: blocked calls return (get: empty, put: throws Stopped),
  /// what is queued is dropped and counted in stats().dropped. Errors: WrongProcess.
  void stop() { core().stop(nullptr); }
  /// As stop(), and blocked calls throw Stopped with the exception's text.
  void stop(const std::exception& why) {
    const std::string text = why.what();
    core().stop(&text);
  }

  /// Items in nobody's hands now, those claimed ahead included.
  std::uint64_t size() const { return core().size(); }
  /// Whether size() is 0. That is not the end of the stream: an iteration tells.
  bool empty() const { return size() == 0; }
  /// Open producers, in all processes.
  std::uint32_t producers() const { return core().producers(); }
  /// Open consumers, in all processes.
  std::uint32_t consumers() const { return core().consumers(); }
  /// All figures together.
  Stats stats() const { return core().stats(); }

  /// Whether it was made without a name.
  bool is_anonymous() const { return core().anonymous(); }
  /// Empty for an anonymous queue.
  const std::string& name() const { return core().name(); }
  /// Whether the name still leads to this queue: not after it was removed or replaced. Who is
  /// attached then goes on with it, but nobody new comes. True for an anonymous queue.
  /// Errors: NoPermission, SystemError when the name cannot be looked up.
  bool is_current() const { return core().is_current(); }

  /// The items that were handed out max_deliveries times. Errors: Busy; Corrupt.
  std::vector<Parked<T>> parked() const {
    static_assert(!detail::kHoldsView<T>,
                  "iq: parked() copies items, which would outlive what an iq::TextView or "
                  "iq::ArrayView in them shows. requeue_parked() and drop_parked() do without.");
    std::vector<Parked<T>> items;
    core().visit_parked([&](const detail::ParkedItem& item) {
      items.push_back({Payload::read(item.payload), item.id, item.deliveries});
      return false;
    });
    return items;
  }
  /// Puts every parked item back, with a delivery count of 0, also after close(). Returns how many;
  /// those for which there is no room stay parked. Errors: Busy.
  std::uint32_t requeue_parked() { return core().requeue_parked(); }
  /// Drops every parked item. Returns how many. Errors: Busy.
  std::uint32_t drop_parked() {
    return core().visit_parked([](const detail::ParkedItem&) { return true; });
  }

 private:
  friend struct detail::EndpointAccess;

  IterableQueue(detail::OpenMode mode, const std::string& name, const Options& options)
      : core_(detail::QueueCore::make_named(mode, name, detail::item_type<T>(), options)) {}

  detail::QueueCore& core() const {
    if (!core_) detail::refuse_moved_from("queue");
    return *core_;
  }

  std::shared_ptr<detail::QueueCore> core_;
};

}  // namespace iq
