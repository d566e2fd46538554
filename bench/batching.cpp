// Batched calls beside plain requests over two queues: how many calls a second, how long one takes.
// Usage: batching [SECONDS PER FIGURE]. What is compared is taken in turns; medians are shown.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "arena.hpp"
#include "iq/iq.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kRounds = 7;
constexpr int kOutstanding = 100;
constexpr int kMostCallers = 8;

struct Request {
  int caller;
  int value;
};

/// What one call of the function costs beside its items: a query's way to a database, say.
void work_for(std::chrono::nanoseconds time) {
  if (time.count() == 0) return;
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
  }
}

std::vector<int> add_one(std::span<const int> batch) {
  std::vector<int> results;
  results.reserve(batch.size());
  for (const int i : batch) results.push_back(i + 1);
  return results;
}

void expect(int result, int expected) {
  if (result == expected) return;
  fmt::print(stderr, "a call returned {}, not {}\n", result, expected);
  std::_Exit(1);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// What was measured in turns with something else, by that: the ratio within each turn, so that the
/// machine's moods meet both.
struct Ratio {
  Ratio(const std::vector<double>& of, const std::vector<double>& to) {
    std::vector<double> each;
    for (std::size_t i = 0; i < of.size(); ++i) each.push_back(of[i] / to[i]);
    std::sort(each.begin(), each.end());
    text =
        fmt::format("{:.2f} ({:.2f} to {:.2f})", each[each.size() / 2], each.front(), each.back());
  }
  std::string text;
};

/// Requests of several callers over one queue, answers over a queue per caller, one server.
class PlainService {
 public:
  explicit PlainService(std::chrono::nanoseconds cost = {}) {
    for (int i = 0; i < kMostCallers; ++i) {
      answers_.push_back(std::make_unique<iq::IterableQueue<int>>());
    }
    server_.fork(
        1,
        [this, cost](iq::Consumer<Request>& in) {
          std::vector<iq::Producer<int>> out;
          for (const auto& queue : answers_) {
            queue->adopt();
            out.push_back(queue->get_producer());
          }
          for (const Request& request : in) {
            work_for(cost);
            out[static_cast<std::size_t>(request.caller)].put(request.value + 1);
          }
        },
        requests_);
  }
  ~PlainService() {
    requests_.close();
    server_.join();
  }

  /// A caller's way to it, in the caller's process.
  class Caller {
   public:
    Caller(PlainService& service, int id)
        : id_(id),
          out_((service.requests_.adopt(), service.requests_.get_producer())),
          in_((service.answers(id).adopt(), service.answers(id).get_consumer())) {}
    int operator()(int value) {
      out_.put({id_, value});
      return *in_.get();
    }

   private:
    int id_;
    iq::Producer<Request> out_;
    iq::Consumer<int> in_;
  };

 private:
  iq::IterableQueue<int>& answers(int caller) {
    return *answers_[static_cast<std::size_t>(caller)];
  }

  iq::IterableQueue<Request> requests_;
  std::vector<std::unique_ptr<iq::IterableQueue<int>>> answers_;
  iq::WorkerGroup server_;
};

struct Count {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<bool> stop{false};
};

/// One caller's work: makes calls, says how many.
using Work = std::function<std::uint64_t()>;

/// Calls a second of `callers` processes; `begin(id)` is called in each.
double rate(int callers, double seconds, const std::function<Work(int)>& begin) {
  bench::SharedBlock<Count> count;
  iq::WorkerGroup crew;
  crew.fork(callers, [&](int id) {
    const Work work = begin(id);
    while (!count->stop.load(std::memory_order_relaxed)) count->calls += work();
  });
  const iq::may_block guard;
  std::this_thread::sleep_for(Seconds(seconds / 4));  // all of them run by now
  const std::uint64_t from = count->calls;
  const auto begun = Clock::now();
  std::this_thread::sleep_for(Seconds(seconds));
  const std::uint64_t calls = count->calls - from;
  const double took = Seconds(Clock::now() - begun).count();
  count->stop = true;
  crew.join();
  return static_cast<double>(calls) / took;
}

double plain_rate(int callers, double seconds, std::chrono::nanoseconds cost = {}) {
  PlainService service(cost);
  return rate(callers, seconds, [&](int id) -> Work {
    auto call = std::make_shared<PlainService::Caller>(service, id);
    return [call] {
      for (int i = 0; i < kOutstanding; ++i) expect((*call)(i), i + 1);
      return std::uint64_t{kOutstanding};
    };
  });
}

double batched_rate(int callers, std::size_t max_size, double seconds,
                    std::chrono::nanoseconds cost = {}) {
  iq::batched<int(int)> f{[cost](std::span<const int> batch) {
                            work_for(cost);
                            return add_one(batch);
                          },
                          {.max_size = max_size}};
  const iq::BatchContext context;
  return rate(callers, seconds, [&](int) -> Work {
    return [&f] {
      std::vector<iq::Future<int>> futures;
      futures.reserve(kOutstanding);
      for (int i = 0; i < kOutstanding; ++i) futures.push_back(f.async(i));
      for (int i = 0; i < kOutstanding; ++i) {
        expect(futures[static_cast<std::size_t>(i)].get(), i + 1);
      }
      return std::uint64_t{kOutstanding};
    };
  });
}

/// One call after another by each of `callers`, which wait for each other: the price of coalescing.
double lock_step_rate(int callers, double seconds) {
  iq::batched<int(int)> f{add_one};
  const iq::BatchContext context;
  return rate(callers, seconds, [&](int) -> Work {
    return [&f] {
      expect(f(7), 8);
      return std::uint64_t{1};
    };
  });
}

template <class Call>
double ns_per_call(double seconds, Call&& call) {
  constexpr int kAtOnce = 200;
  for (int i = 0; i < kAtOnce; ++i) call(i);
  std::uint64_t calls = 0;
  const auto begun = Clock::now();
  Seconds took{0};
  while (took.count() < seconds) {
    for (int i = 0; i < kAtOnce; ++i) call(i);
    calls += kAtOnce;
    took = Clock::now() - begun;
  }
  return took.count() * 1e9 / static_cast<double>(calls);
}

/// A lone caller: beside the same bytes over two queues, and ints in place over two queues.
void show_lone_caller(double seconds) {
  PlainService service;
  PlainService::Caller plain(service, 0);
  iq::IterableQueue<iq::Bytes> requests;
  iq::IterableQueue<iq::Bytes> answers;
  iq::Producer<iq::Bytes> out = requests.get_producer();
  iq::Consumer<iq::Bytes> in = answers.get_consumer();
  iq::WorkerGroup server;
  server.fork(
      1,
      [](iq::Consumer<iq::Bytes>& from, iq::Producer<iq::Bytes>& to) {
        for (const std::span<const std::byte> bytes : from) to.put(bytes);
      },
      requests, answers);
  iq::batched<int(int)> f{add_one};
  std::vector<double> in_place, bytes, alone, in_context;
  for (int round = 0; round < kRounds; ++round) {
    in_place.push_back(ns_per_call(seconds, [&](int i) { expect(plain(i), i + 1); }));
    bytes.push_back(ns_per_call(seconds, [&](int i) {
      out.put(std::as_bytes(std::span(&i, 1)));
      expect(static_cast<int>(in.get()->size()), static_cast<int>(sizeof i));
    }));
    alone.push_back(ns_per_call(seconds, [&](int i) { expect(f(i), i + 1); }));
    const iq::BatchContext context;
    in_context.push_back(ns_per_call(seconds, [&](int i) { expect(f(i), i + 1); }));
  }
  fmt::print("a lone caller, ns per call (least to most), and by the first, turn by turn\n");
  const auto show = [&bytes](const char* what, const std::vector<double>& ns) {
    const auto [least, most] = std::minmax_element(ns.begin(), ns.end());
    fmt::print("  {:<36}{:>8.0f} ({:.0f} to {:.0f})   {}\n", what, median(ns), *least, *most,
               Ratio(ns, bytes).text);
  };
  show("two queues of iq::Bytes", bytes);
  show("two queues of int, stored in place", in_place);
  show("batched, outside any context", alone);
  show("batched, in a context", in_context);
  out.close();
  requests.close();
  answers.close();
  server.join();
}

void show_rates(double seconds, std::chrono::microseconds cost) {
  fmt::print(
      "\n{} calls outstanding per process, {} us per call of the function: thousand calls a "
      "second, "
      "and no limit by plain, turn by turn\n",
      kOutstanding, cost.count());
  fmt::print("  {:>9}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "processes", "plain", "max_size 1",
             "10", "100", "no limit", "  by plain");
  for (int callers = 1; callers <= kMostCallers; callers *= 2) {
    std::vector<double> plain, figures[4];
    constexpr std::size_t kSizes[] = {1, 10, 100, 0};
    for (int round = 0; round < kRounds; ++round) {
      plain.push_back(plain_rate(callers, seconds, cost));
      for (int i = 0; i < 4; ++i) {
        figures[i].push_back(batched_rate(callers, kSizes[i], seconds, cost));
      }
    }
    fmt::print("  {:>9}{:>12.0f}", callers, median(plain) / 1e3);
    for (const auto& figure : figures) fmt::print("{:>12.0f}", median(figure) / 1e3);
    fmt::print("   {}\n", Ratio(figures[3], plain).text);
  }
}

void show_lock_step(double seconds) {
  fmt::print("\none call after another by each, all waiting for each other, us per call\n");
  fmt::print("  {:>9}{:>12}{:>12}\n", "processes", "plain", "batched");
  for (int callers = 1; callers <= kMostCallers; callers *= 2) {
    std::vector<double> plain, batched;
    for (int round = 0; round < kRounds; ++round) {
      plain.push_back(1e6 * callers / plain_rate(callers, seconds));
      batched.push_back(1e6 * callers / lock_step_rate(callers, seconds));
    }
    fmt::print("  {:>9}{:>12.1f}{:>12.1f}\n", callers, median(plain), median(batched));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.3;
  show_lone_caller(seconds);
  show_rates(seconds, std::chrono::microseconds(0));
  show_rates(seconds, std::chrono::microseconds(20));
  show_lock_step(seconds);
}
