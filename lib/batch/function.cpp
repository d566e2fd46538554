// Making, finding and ending a batched function. Its calls travel on a queue whose consumers are
// the servers, workers of a group of its own: a server that dies is replaced, and what it had in
// hand comes to the next one, which knows from the delivery count that it is the second.
#include "batch/function.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "batch/client.hpp"
#include "batch/joining.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/error.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {
namespace {

constexpr std::uint64_t kBatchBytes = std::uint64_t{2} << 20;
constexpr std::uint64_t kMostBatches = 8192;
constexpr int kServerRestarts = 1'000'000'000;  // as often as it takes
constexpr auto kServerGrace = std::chrono::seconds(5);

Options queue_options(const BatchSettings& settings) {
  Options options;
  options.capacity = kMostBatches;
  options.bytes_per_producer = settings.capacity_bytes != 0 ? settings.capacity_bytes : kBatchBytes;
  options.max_deliveries = 14;  // the second delivery is answered with an error, long before that
  options.on_producer_death = OnProducerDeath::end;
  return options;
}

IterableQueue<Bytes> make_queue(const std::string& name, const BatchSettings& settings) {
  if (name.empty()) return IterableQueue<Bytes>(queue_options(settings));
  try {
    return {create_only, name, queue_options(settings)};
  } catch (const NameInUse&) {
    throw NameInUse(fmt::format(
        "cannot make batched function \"{0}\": a function or queue of this name exists. To call "
        "the function, open it with iq::open_only; if its program was killed, iq rm {0} frees the "
        "name",
        name));
  }
}

// The queue's own words would advise what only queues have.
IterableQueue<Bytes> open_queue(const std::string& name) {
  try {
    return {open_only, name};
  } catch (const NotFound&) {
    throw NotFound(fmt::format(
        "cannot open batched function \"{0}\": there is none. Start the program that makes it, "
        "as iq::batched<R(Args)> f{{iq::create_only, \"{0}\", function}}, and keep that object: "
        "the "
        "name goes with it",
        name));
  } catch (const WrongType&) {
    throw WrongType(
        fmt::format("cannot open batched function \"{0}\": this name is that of a queue with items "
                    "of its own, which no function serves. iq stat {0} shows it",
                    name));
  }
}

/// Every function of this process, by id; inherited by its children.
struct Functions {
  std::map<std::uint64_t, LocalFunction*> by_id;
};
Functions& functions() {
  static Functions all;
  return all;
}

/// The caller's context may have waited for the board that a function brings.
void join_with_board() {
  const TaskContextHandle& context = BatchClient::of_this_thread().scheduler().context();
  if (context) join_named_context(*context);
}

std::uint64_t random_id() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source() | 1;
}

}  // namespace

LocalFunction::LocalFunction(const std::string& name, const BatchType& type,
                             const BatchSettings& settings, BatchHandler handler)
    : name_(name),
      settings_(settings),
      id_(random_id()),
      board_(Board::of_process()),
      maker_(process_generation()),
      queue_(make_queue(name, settings)),
      servers_(std::make_unique<WorkerGroup>()) {
  {
    const ForkGuard guard;
    functions().by_id[id_] = this;
  }
  join_with_board();
  const NoMembersHere no_members;
  servers_->fork(
      {.count = settings.servers, .restarts = kServerRestarts},
      [plan = ServerPlan{description(), settings, type, id_, board_, std::move(handler)}](
          Consumer<Bytes>& requests) { serve_batches(requests, plan); },
      queue_);
}

LocalFunction::LocalFunction(const std::string& name) : name_(name), queue_(open_queue(name)) {}

void LocalFunction::introduce(const BatchType& type) {
  constexpr std::int64_t kPatienceNs = 10'000'000'000;
  struct Hello final : CallWriter {
    explicit Hello(const BatchType& our_type) : type(our_type) {}
    std::size_t bytes() const override { return sizeof(HelloBody) + type.name.size(); }
    void write(std::byte* to, std::size_t) const override {
      const HelloBody body{type.layout};
      std::memcpy(to, &body, sizeof body);
      std::memcpy(to + sizeof body, type.name.data(), type.name.size());
    }
    const BatchType& type;
  };
  struct Welcome final : CallResult {
    void accept(std::span<const std::byte> bytes) override {
      body = WireReader(bytes).read<WelcomeBody>();
    }
    WelcomeBody body{};
  };
  const auto welcome = std::make_shared<Welcome>();
  BatchClient& client = BatchClient::of_this_thread();
  client.say_hello(*this, Hello(type), welcome);
  if (!client.scheduler().await(*welcome, now_ns() + kPatienceNs)) {
    throw NotFound(fmt::format(
        "cannot open batched function \"{}\": the queue of that name has readers, and none of them "
        "answered for 10 s. They serve no batched function, or all hang in one",
        name_));
  }
  try {
    if (welcome->error()) std::rethrow_exception(welcome->error());
  } catch (const ServerDied&) {
    throw ServerDied(fmt::format(
        "cannot open batched function \"{0}\": nobody serves it. The program that made it was "
        "killed: iq rm {0}, then start it again",
        name_));
  }
  const WelcomeBody& body = welcome->body;
  id_ = body.function;
  settings_.max_size = body.max_size;
  settings_.max_delay_ns = body.max_delay_ns;
  board_ = Board::join_process({body.board_inode, body.pid, body.number}, body.board);
  {
    const ForkGuard guard;
    functions().by_id[id_] = this;
  }
  join_with_board();
}

LocalFunction::~LocalFunction() {
  {
    const ForkGuard guard;
    const auto known = functions().by_id.find(id_);
    if (known != functions().by_id.end() && known->second == this) functions().by_id.erase(known);
  }
  end_servers();
  if (maker_ != process_generation()) static_cast<void>(servers_.release());
}

void LocalFunction::close() noexcept {
  end_servers();
  BatchClient::forget_in_this_thread(*this);  // the last answers came with the end
}

// Further puts are refused from here on. What is queued is served, then the servers find that the
// queue has been stopped.
void LocalFunction::end_servers() noexcept {
  if (!servers_ || maker_ != process_generation()) return;
  try {
    EndpointAccess::drainer(queue_)();
    if (!name_.empty() && queue_.is_current()) iq::remove(name_);
    wait_until_served();
    queue_.stop();
    servers_->join_for(kServerGrace, {.signals = false});
  } catch (...) {  // a server that was killed now: nobody is left whom it could concern
  }
  servers_.reset();
}

// An item is acknowledged when its answers have been put, so that an empty queue means that nothing
// is under way. Asked by the clock, since nothing wakes who waits for that; answers are taken
// meanwhile, or there might be no room for the last ones.
void LocalFunction::wait_until_served() {
  constexpr auto kLongest = std::chrono::microseconds(5'000);
  const auto end = std::chrono::steady_clock::now() + kServerGrace;
  auto pause = std::chrono::microseconds(50);
  while (std::chrono::steady_clock::now() < end) {
    BatchClient::take_answers_of_this_thread();
    const Stats seen = queue_.stats();
    if (seen.queued + seen.in_hand == 0) return;
    if (servers_->join_for(pause, {.signals = false})) return;  // they have all died
    pause = std::min(2 * pause, kLongest);
  }
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

std::shared_ptr<BatchFunction> BatchFunction::open(const std::string& name, const BatchType& type) {
  auto opened = std::make_shared<LocalFunction>(name);
  try {
    opened->introduce(type);
  } catch (...) {
    BatchClient::forget_in_this_thread(*opened);
    throw;
  }
  return opened;
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
