// Making, finding and ending a batched function. Its calls travel on a queue whose consumers are
// the servers, workers of a group of its own: a server that dies is replaced, and what it had in
// hand comes to the next one, which knows from the delivery count that it is the second.
#include "batch/function.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "batch/client.hpp"
#include "batch/joining.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/error.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {
namespace {

constexpr int kServerRestarts = 1'000'000'000;  // as often as it takes
constexpr auto kServerGrace = std::chrono::seconds(5);

Options queue_options(const BatchSettings& settings) {
  Options options;
  options.bytes_per_producer = settings.capacity_bytes;
  options.max_deliveries = 14;  // the second delivery is answered with an error, long before that
  options.on_producer_death = OnProducerDeath::end;
  return options;
}

IterableQueue<Bytes> make_queue(const std::string& name, const BatchSettings& settings) {
  if (name.empty()) return IterableQueue<Bytes>(queue_options(settings));
  return {create_only, name, queue_options(settings)};
}

/// Every function of this process, by id; inherited by its children.
struct Functions {
  std::map<std::uint64_t, LocalFunction*> by_id;
};
Functions& functions() {
  static Functions all;
  return all;
}

std::uint64_t random_id() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source() | 1;
}

}  // namespace

LocalFunction::LocalFunction(const std::string& name, const BatchType& type,
                             const BatchSettings& settings, BatchHandler handler)
    : name_(name),
      type_(type),
      settings_(settings),
      id_(random_id()),
      board_(Board::of_process()),
      maker_(process_generation()),
      queue_(make_queue(name, settings)),
      servers_(std::make_unique<WorkerGroup>()) {
  control_.emplace(queue_.get_producer());
  EndpointAccess::go_on(*control_);
  {
    const ForkGuard guard;
    functions().by_id[id_] = this;
  }
  const NoMembersHere no_members;
  servers_->fork(
      {.count = settings.servers, .restarts = kServerRestarts},
      [settings, type, board = board_, handler = std::move(handler)](Consumer<Bytes>& requests) {
        serve_batches(requests, settings, handler, type, board);
      },
      queue_);
}

LocalFunction::~LocalFunction() {
  {
    const ForkGuard guard;
    functions().by_id.erase(id_);
  }
  end_servers();
  if (maker_ != process_generation()) static_cast<void>(servers_.release());
}

void LocalFunction::close() noexcept {
  BatchClient::forget_in_this_thread(*this);
  end_servers();
}

// Further puts are refused from here on; what is queued is served, then each server reads its last
// word.
void LocalFunction::end_servers() noexcept {
  if (!servers_ || maker_ != process_generation()) return;
  try {
    EndpointAccess::drainer(queue_)();
    for (int i = 0; i < settings_.servers; ++i) {
      const RequestHead quit{RequestKind::quit, 0, {}, 0, 0};
      control_->put(std::as_bytes(std::span(&quit, 1)));
    }
    servers_->join_for(kServerGrace, {.signals = false});
  } catch (...) {  // a server that was killed now: nobody is left whom it could concern
  }
  servers_.reset();
  control_.reset();
}

std::shared_ptr<LocalFunction> LocalFunction::find(std::uint64_t id) {
  const ForkGuard guard;
  const auto found = functions().by_id.find(id);
  return found != functions().by_id.end() ? found->second->weak_from_this().lock() : nullptr;
}

std::vector<int> LocalFunction::server_pids() {
  if (!servers_ || maker_ != process_generation()) return {};
  return servers_->pids();
}

Producer<Bytes> LocalFunction::get_producer() {
  const std::lock_guard lock(mutex_);
  queue_.adopt();
  return queue_.get_producer();
}

std::string LocalFunction::description() const {
  return name_.empty() ? "a batched function" : fmt::format("batched function \"{}\"", name_);
}

void LocalFunction::call(std::span<const std::byte> object, const CallWriter& argument,
                         std::shared_ptr<CallResult> result) {
  BatchClient::of_this_thread().call(*this, object, argument, std::move(result));
}

std::shared_ptr<BatchFunction> BatchFunction::make(const std::string& name, const BatchType& type,
                                                   const BatchSettings& settings,
                                                   BatchHandler handler) {
  if (settings.servers < 1) {
    throw BadArgument(
        fmt::format("BatchOptions::servers is {}: it must be 1 or more", settings.servers));
  }
  return std::make_shared<LocalFunction>(name, type, settings, std::move(handler));
}

}  // namespace iq::detail
