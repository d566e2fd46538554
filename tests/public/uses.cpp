// A use of each public header, compiled behind that header alone: headers.py defines IQ_HEADER and
// one of IQ_USES_…. What is a template is used with an item stored in place and an encoded one.
#include IQ_HEADER
#include IQ_HEADER  // again: #pragma once must bear it

#if IQ_USES_batch

struct User {
  int id;
  std::string name;
};
template class iq::batched<User(int)>;
template class iq::batched<void(int, std::string)>;
template class iq::batched_method<int(User, int)>;
template class iq::Outcome<User>;
using Ids = std::span<const int>;
User load_one() {
  iq::batched<User(int)> load{[](Ids ids) { return std::vector<User>(ids.size()); },
                              {.max_size = 8, .servers = 2, .idempotent = true, .dedup = true}};
  iq::batched<User(int)> named{iq::create_only, "load",
                               [](Ids) { return std::vector<iq::Outcome<User>>(); }};
  iq::batched<User(int)> found{iq::open_only, "load"};
  iq::Future<User> later = found.async(1);
  return named.server_pids().empty() ? later.get() : load(7);
}
iq::Outcome<void> none() { return iq::Outcome<void>::failure(std::runtime_error("x")); }

#elif IQ_USES_batch_context

void in_context() {
  const iq::BatchContext context;
  const iq::BatchContext named("import");
  const iq::may_block guard;
}

#elif IQ_USES_bytes

iq::Bytes copy_of(const std::string& text) { return iq::Bytes(iq::BytesView(text)); }
bool same(const iq::Bytes& a, iq::Bytes& b) { return a == b && a.text() == b.text(); }

#elif IQ_USES_codec

class Money {
 public:
  explicit Money(long cents) : cents_(cents) {}
  long cents() const { return cents_; }

 private:
  long cents_;
};

template <>
struct iq::Codec<Money> {
  static void encode(const Money& money, iq::Encoder& out) { out(money.cents()); }
  static Money decode(iq::Decoder& in) { return Money(in.get<long>()); }
};

struct Order {
  std::map<std::string, std::vector<std::optional<double>>> lines;
  std::variant<int, std::pair<bool, std::string>> choice;
  Money price{0};
};

static_assert(iq::Encodable<Order> && !iq::Encodable<int*>);
template void iq::Encoder::operator()(const Order&, const int&);
template Order iq::Decoder::get<Order>();

#elif IQ_USES_consumer

struct Job {
  std::string name;
};
template class iq::Consumer<int>;
template class iq::Consumer<Job>;
using Clock = std::chrono::system_clock;
template iq::Result<int> iq::Consumer<int>::get_for(std::chrono::hours);
template iq::Result<Job> iq::Consumer<Job>::get_until(Clock::time_point);
template iq::Result<iq::Lease<int>> iq::Consumer<int>::lease_for(std::chrono::hours);
template iq::Result<iq::Lease<Job>> iq::Consumer<Job>::lease_until(Clock::time_point);
template iq::Result<std::vector<Job>> iq::Consumer<Job>::get_some_for(std::size_t,
                                                                      std::chrono::hours);

#elif IQ_USES_error

int code_of(const iq::Error& error) { return static_cast<int>(error.code()); }
void throw_all(int pid) {
  if (pid == 1) throw iq::Closed(std::string(to_string(iq::Errc::closed)));
  if (pid == 2) throw iq::SystemError("text", pid);
  if (pid == 3) throw iq::ProducerFailed("text", pid);
  throw iq::ProducerDied("text", pid);
}

iq::RemoteError remote_of(const iq::ServerDied& died) { return {"app::Error", died.what()}; }

#elif IQ_USES_event

void count_parked(int& parked) {
  iq::set_event_handler([&parked](const iq::Event& event) {
    if (event.kind == iq::EventKind::parked && !event.queue.empty()) ++parked;
  });
  iq::set_event_handler({});
}
static_assert(iq::Event{.pid = 7}.pid == 7);
static_assert(iq::to_string(iq::EventKind::corrupt) == "corrupt");
static_assert(iq::to_string(iq::EndpointRole::queue_object) == "queue_object");

#elif IQ_USES_inspect

std::size_t unmoved_of(const iq::Inspection& before) {
  const iq::Inspection now = iq::inspect(before.name);
  const std::optional<iq::Rates> rates = iq::rates_between(before, now);
  return rates ? rates->unmoved.size() : now.endpoints.size();
}
bool clean_up() {
  bool removed = false;
  for (const iq::ListedQueue& queue : iq::list_queues()) {
    if (queue.error == iq::Errc::wrong_version) {
      removed |= iq::remove_unattached(queue.name) == iq::Removal::removed;
    }
  }
  return removed;
}
static_assert(iq::to_string(iq::Alive::unknown) == "unknown");

#elif IQ_USES_iq

int sum_up(iq::IterableQueue<int>& queue) {
  iq::WorkerGroup crew;
  crew.fork(
      2, [](iq::Producer<int> out, int id) { out.put(id); }, queue);
  int sum = 0;
  for (int n : queue.get_consumer()) sum += n;
  crew.join();
  return sum;
}

#elif IQ_USES_lease

struct Job {
  std::string name;
};
template class iq::Lease<int>;
template class iq::Lease<Job>;

#elif IQ_USES_loan

struct Sample {
  int x;
};
static_assert(iq::Loanable<Sample> && iq::Loanable<iq::Bytes> && !iq::Loanable<std::string>);
template class iq::Loan<Sample>;
std::size_t write(iq::Loan<Sample>& loan, iq::Loan<iq::Bytes> blob) {
  loan->x = 1;
  const std::size_t bytes = blob.bytes().size();
  blob.commit();
  return bytes;
}

#elif IQ_USES_options

static_assert(iq::Options{.capacity = 64}.max_deliveries == 3);

#elif IQ_USES_chunk || IQ_USES_generator

#include "uses_generators.hpp"

#elif IQ_USES_closable_queue || IQ_USES_pipeline || IQ_USES_pipeline_failed || \
    IQ_USES_pipeline_options || IQ_USES_report

#include "uses_pipelines.hpp"

#elif IQ_USES_producer

#include <list>

struct Job {
  std::string name;
};
template class iq::Producer<int>;
template class iq::Producer<Job>;
using Clock = std::chrono::system_clock;
template iq::Status iq::Producer<int>::put_for(const int&, std::chrono::hours);
template iq::Status iq::Producer<Job>::put_until(const Job&, Clock::time_point);
std::size_t put_lists(iq::Producer<int>& numbers, iq::Producer<Job>& jobs) {
  return numbers.put_all(std::list<int>{1}) + jobs.put_all(std::list<Job>{}) +
         jobs.put_all_for(std::list<Job>{}, std::chrono::seconds(1)).accepted +
         numbers.put_all_until(std::vector<int>{1, 2}, Clock::now()).accepted;
}
bool put_loans(iq::Producer<int>& numbers, iq::Producer<iq::Bytes>& blobs) {
  iq::Loan<int> number = numbers.loan();
  const iq::Result<iq::Loan<iq::Bytes>> blob = blobs.try_loan(8);
  *number = 1;
  number.commit();
  return blob.has_value() && numbers.try_loan().has_value() && blobs.loan(8).bytes().empty();
}

#elif IQ_USES_queue

struct Job {
  std::string name;
};
template class iq::IterableQueue<int>;
template class iq::IterableQueue<Job>;
bool open_and_remove() {
  iq::IterableQueue<Job> queue{iq::open_or_create, "jobs", {.capacity = 8}};
  return iq::remove(queue.name());
}

#elif IQ_USES_relay

struct Job {
  std::string name;
};
template class iq::Emit<int>;
template class iq::Emit<Job>;
std::uint64_t one_each(iq::Consumer<int>& in, iq::Producer<Job>& out) {
  return iq::relay(in, out, [](int n) { return Job{std::to_string(n)}; });
}
std::uint64_t one_or_none(iq::Consumer<Job>& in, iq::Producer<int>& out) {
  return iq::relay(in, out, [](const Job& job) {
    return job.name.empty() ? std::nullopt : std::optional<int>(job.name[0]);
  });
}
std::uint64_t any_number(iq::Consumer<iq::Bytes>& in, iq::Producer<Job>& out) {
  return iq::relay(in, out, [](iq::BytesView item, iq::Emit<Job>& emit) {
    for (std::size_t i = 0; i < item.size(); ++i) emit({"piece"});
    emit.put({"end"});
  });
}

#elif IQ_USES_stats

static_assert(iq::Stats{}.put == 0);

#elif IQ_USES_status

#include <string>

template class iq::Result<int>;
template class iq::Result<std::string>;
static_assert(iq::to_string(iq::Status::ok) == "ok");

#elif IQ_USES_task

int twice(int i) { return 2 * i; }
int all_tasks() {
  iq::TaskPool pool(3);
  const std::vector<int> items{1, 2, 3};
  iq::Proxy<int> proxy = iq::spawn_proxy(twice, 1);
  auto text = iq::chain(iq::spawn(twice, 2), [](int i) { return std::to_string(i); });
  const auto is_two = [](int i) { return i == 2; };
  const auto sizes = iq::pmap(twice, items).size() + iq::pmap_unordered(twice, items).size() +
                     iq::pfilter(is_two, items).size() + pool.pmap(twice, items).size() +
                     iq::pfilter_unordered(is_two, items).size() +
                     pool.pfilter(is_two, items).size();
  return *proxy + proxy + static_cast<int>(sizes + text.get().size() + pool.running()) +
         pool.spawn(twice, 4).get() + static_cast<int>(pool.pmap_unordered(twice, items).size());
}

#elif IQ_USES_task_future

template class iq::Future<int>;
template class iq::Future<std::string>;
template class iq::Future<void>;
int all_futures(std::vector<iq::Future<int>> futures) {
  auto text = iq::transform(iq::immediate(7), [](int i) { return std::to_string(i); });
  auto broken = iq::immediate_exception<int>(std::out_of_range("7"));
  const auto ready = iq::wait(futures, 2, std::chrono::seconds(1));
  const auto [one, two] = iq::pget(iq::immediate(1), text);
  const auto timed = iq::immediate(3).get_for(std::chrono::seconds(1));
  return iq::pget(futures).front() + one + static_cast<int>(two.size() + ready.size()) +
         (broken.error() ? 1 : timed.value());
}

#elif IQ_USES_token

struct Job {
  std::string name;
};
template class iq::Producer<int>;
template class iq::Producer<Job>;
template class iq::Consumer<int>;
template class iq::Consumer<Job>;
static_assert(!std::is_copy_constructible_v<iq::Token>);
static_assert(std::is_nothrow_move_assignable_v<iq::Token>);
std::size_t run_as_child(const char* in_token, const char* out_token) {
  iq::Consumer<Job> in = iq::Consumer<Job>::from_token(in_token);
  iq::Producer<int> out = iq::Producer<int>::from_token(out_token);
  iq::Producer<int> second = out.dup();
  std::size_t jobs = 0;
  for (const Job& job : in.dup()) {
    out.put(static_cast<int>(job.name.size()));
    ++jobs;
  }
  return jobs + second.put_all({1, 2});
}
void hand_over(bool to_me, iq::Consumer<Job>& in, iq::Producer<int>& out) {
  if (to_me) {
    in.adopt();
    out.adopt();
  } else {
    in.surrender();
    out.surrender();
  }
}

#elif IQ_USES_chunk || IQ_USES_step || IQ_USES_steps

#include "uses_steps.hpp"

#elif IQ_USES_version

static_assert(IQ_VERSION_MAJOR >= 0 && !iq::version.empty());

#elif IQ_USES_worker_group

int run_workers(iq::WorkerGroup& crew) {
  crew.fork(
      2, [](int worker, const std::string& text) { return text[0] + worker; }, "text");
  if (!crew.join_for(std::chrono::minutes(1))) crew.kill(9);
  return crew.results().at(0).exit_code;
}
void run_programs(iq::WorkerGroup& crew, iq::Token in, iq::Token out) {
  crew.exec("./worker", {"--fast"}, std::move(in));
  crew.exec({.restarts = 3}, "./worker", {}, std::move(out));
  crew.fork({.count = 2, .restarts = 1}, [] {});
  crew.join({.signals = false});
}

#elif IQ_USES_views

struct Line {
  int number = 0;
  iq::TextView text;
  iq::ArrayView<float> values;
};
static_assert(iq::Encodable<Line> && iq::Encodable<iq::TextView>);
Line line_of(const std::string& text, const std::array<float, 3>& all) { return {1, text, all}; }
std::string copy_of(iq::TextView text) { return std::string(text); }

#elif IQ_USES_worker_outcome

int signal_of(const iq::WorkerOutcome& outcome) {
  try {
    throw iq::WorkerFailed("text", outcome);
  } catch (const iq::WorkerFailed& failed) {
    return failed.outcome().end == iq::WorkerEnd::killed ? failed.signal() : failed.exit_code();
  }
}
static_assert(iq::to_string(iq::WorkerEnd::never_started) == "never_started");

#else
#error "no use of this header here: add one"
#endif
