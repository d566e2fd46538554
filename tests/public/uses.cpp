// A use of each public header, compiled behind that header alone: headers.py defines IQ_HEADER and
// one of IQ_USES_…. What is a template is used with an item stored in place and an encoded one.
#include IQ_HEADER
#include IQ_HEADER  // again: #pragma once must bear it

#if IQ_USES_bytes

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

#elif IQ_USES_error

int code_of(const iq::Error& error) { return static_cast<int>(error.code()); }
void throw_all(int pid) {
  if (pid == 1) throw iq::Closed(std::string(to_string(iq::Errc::closed)));
  if (pid == 2) throw iq::SystemError("text", pid);
  if (pid == 3) throw iq::ProducerFailed("text", pid);
  throw iq::ProducerDied("text", pid);
}

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

static_assert(iq::Loanable<int> && !iq::Loanable<std::string>);
template class iq::Loan<int>;

#elif IQ_USES_options

static_assert(iq::Options{.capacity = 64}.max_deliveries == 3);

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
         jobs.put_all_for(std::list<Job>{}, std::chrono::seconds(1)).accepted;
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

#elif IQ_USES_stats

static_assert(iq::Stats{}.put == 0);

#elif IQ_USES_status

#include <string>

template class iq::Result<int>;
template class iq::Result<std::string>;
static_assert(iq::to_string(iq::Status::ok) == "ok");

#elif IQ_USES_version

static_assert(IQ_VERSION_MAJOR >= 0 && !iq::version.empty());

#elif IQ_USES_worker_group

int run_workers(iq::WorkerGroup& crew) {
  crew.fork(
      2, [](int worker, const std::string& text) { return text[0] + worker; }, "text");
  if (!crew.join_for(std::chrono::minutes(1))) crew.kill(9);
  return crew.results().at(0).exit_code;
}

#else
#error "no use of this header here: add one"
#endif
