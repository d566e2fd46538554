// Attaching and leaving, and processes that do little else.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include "arena.hpp"
#include "children.hpp"
#include "iq/iq.hpp"
#include "measures.hpp"

namespace bench {
namespace {

using Queue = iq::IterableQueue<std::uint64_t>;

double us_since(std::int64_t then_ns) { return static_cast<double>(now_ns() - then_ns) / 1e3; }

// How long `make` takes, or giving up what it made.
template <class Make>
void measure_attaching(bool leaving, const Effort& effort, std::vector<double>& readings,
                       const Make& make) {
  const QueueName name;
  Queue queue(iq::create_only, name);
  for (int i = 0; i < 10 * effort.times(); ++i) {
    std::int64_t start = now_ns();
    {
      const auto endpoint = make(queue, name);
      if (!leaving) readings.push_back(us_since(start));
      start = now_ns();
    }
    if (leaving) readings.push_back(us_since(start));
  }
}

template <class Make>
void add_attaching(MeasureEntries& entries, const std::string& what, const Make& make) {
  for (const bool leaving : {false, true}) {
    entries.push_back({{leaving ? "detach_" + what : "attach_" + what, "us",
                        leaving ? "until it has left" : "until it can be used"},
                       [=](const Effort& effort, std::vector<double>& readings) {
                         measure_attaching(leaving, effort, readings, make);
                       }});
  }
}

// `count` processes one after the other.
template <class Live>
void live_in_turn(int count, const Live& live) {
  for (int i = 0; i < count; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      live();
      ::_exit(0);
    }
    int status = 1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) throw std::runtime_error("a short-lived process failed");
  }
}

constexpr int kAtATime = 4;
constexpr std::int64_t kBoundNs = 120'000'000'000;

// Four at a time, each of which attaches, puts one item and leaves. All items have to arrive.
// Returns the time and how many lanes there were in the end.
std::pair<double, double> short_lived(const Effort& effort) {
  const QueueName name;
  Queue queue(iq::create_only, name);
  iq::Consumer<std::uint64_t> in = queue.get_consumer();
  Children spawners;
  const std::int64_t start = now_ns();
  for (int i = 0; i < kAtATime; ++i) {
    spawners.start([&] {
      live_in_turn(effort.lives() / kAtATime,
                   [&] { Queue(iq::open_only, name).get_producer().put(1); });
    });
  }
  for (int i = 0; i < effort.lives(); ++i) {
    if (!in.get_for(std::chrono::seconds(20))) {
      throw std::runtime_error(fmt::format("{} of {} items came", i, effort.lives()));
    }
  }
  if (const std::string error = spawners.join(kBoundNs); !error.empty()) {
    throw std::runtime_error(error);
  }
  const double took = us_since(start) / effort.lives();
  queue.close();
  if (in.get()) throw std::runtime_error("an item too many");
  return {took, queue.stats().lanes};
}

void measure_bare_processes(const Effort& effort, std::vector<double>& readings) {
  Children spawners;
  const std::int64_t start = now_ns();
  for (int i = 0; i < kAtATime; ++i) {
    spawners.start([&] { live_in_turn(effort.lives() / kAtATime, [] {}); });
  }
  if (const std::string error = spawners.join(kBoundNs); !error.empty()) {
    throw std::runtime_error(error);
  }
  readings.push_back(us_since(start) / effort.lives());
}

}  // namespace

void add_lives(MeasureEntries& entries) {
  add_attaching(entries, "producer",
                [](Queue& queue, const QueueName&) { return queue.get_producer(); });
  add_attaching(entries, "consumer",
                [](Queue& queue, const QueueName&) { return queue.get_consumer(); });
  add_attaching(entries, "queue",
                [](Queue&, const QueueName& name) { return Queue(iq::open_only, name); });
  entries.push_back({{"short_lived", "us/process",
                      "each of 10,000 (--quick: 1,000) that open the queue, put one item, leave"},
                     [](const Effort& effort, std::vector<double>& readings) {
                       readings.push_back(short_lived(effort).first);
                     }});
  entries.push_back({{"short_lived_lanes", "lanes", "that they took in all"},
                     [](const Effort& effort, std::vector<double>& readings) {
                       readings.push_back(short_lived(effort).second);
                     }});
  entries.push_back({{"short_lived_bare", "us/process", "the same processes without a queue"},
                     measure_bare_processes});
}

}  // namespace bench
