// What endpoints cost: idle ones, many of them, and in memory.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "arena.hpp"
#include "children.hpp"
#include "iq/iq.hpp"
#include "measures.hpp"
#include "slice.hpp"
#include "workload.hpp"

namespace bench {
namespace {

double cpu_ns(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) {
    throw std::system_error(errno, std::generic_category(), "clock_gettime");
  }
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// CPU time of `count` processes that wait, seconds per minute and process.
template <class Wait>
double idle_cost(int count, std::int64_t for_ns, const Wait& wait) {
  struct Clocks {
    std::array<std::atomic<clockid_t>, kMaxParties> of{};
  };
  const SharedBlock<Clocks> clocks;
  Children children;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    children.start([&, i] {
      clockid_t mine = 0;
      ::clock_getcpuclockid(getpid(), &mine);
      wait([&] { clocks->of[i] = mine; });
    });
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    while (clocks->of[i] == 0) {
      if (const std::string error = children.look(); !error.empty()) {
        throw std::runtime_error(error);
      }
      ::usleep(1000);
    }
  }
  ::usleep(50'000);
  const auto total = [&] {
    double ns = 0;
    for (int i = 0; i < count; ++i) ns += cpu_ns(clocks->of[static_cast<std::size_t>(i)]);
    return ns;
  };
  const double before = total();
  const std::int64_t start = now_ns();
  ::usleep(static_cast<useconds_t>(for_ns / 1000));
  const double used = total() - before;
  return used / static_cast<double>(now_ns() - start) * 60 / count;
}

void measure_idle_consumers(int count, const Effort& effort, std::vector<double>& readings) {
  const QueueName name;
  iq::IterableQueue<std::uint64_t> queue(iq::create_only, name);
  const auto open_end = queue.get_producer();
  readings.push_back(idle_cost(count, effort.long_ns(), [&](const auto& waits) {
    auto in = iq::IterableQueue<std::uint64_t>(iq::open_only, name).get_consumer();
    waits();
    in.get();
  }));
}

void measure_blocked_producer(const Effort& effort, std::vector<double>& readings) {
  const QueueName name;
  iq::IterableQueue<std::uint64_t> queue(iq::create_only, name, {.capacity = 16});
  const auto in = queue.get_consumer();
  readings.push_back(idle_cost(1, effort.long_ns(), [&](const auto& waits) {
    auto out = iq::IterableQueue<std::uint64_t>(iq::open_only, name).get_producer();
    for (std::uint64_t i = 0; i < 16; ++i) out.put(i);
    waits();
    out.put(16);
  }));
}

// One producer and one consumer at work, beside kIdle producers that have put nothing.
template <std::size_t kIdle>
class IqAmongIdle {
 public:
  using Item = bench::Item<64>;
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit IqAmongIdle(Shape shape)
      : queue_(iq::create_only, name_, {.capacity = shape.capacity}) {}
  void attached() { queue_.close(); }

  struct Producer {
    iq::Producer<Item> out;
    std::vector<iq::Producer<Item>> idle = {};
    bool put(std::span<const Item, 1> item) {
      out.put(item.front());
      return true;
    }
  };
  struct Consumer {
    iq::Consumer<Item> in;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      for (const Item& item : in) visit(item);
    }
  };
  Producer producer(int) const {
    iq::IterableQueue<Item> queue(iq::open_only, name_);
    Producer all{queue.get_producer()};
    for (std::size_t i = 0; i < kIdle; ++i) all.idle.push_back(queue.get_producer());
    return all;
  }
  Consumer consumer(int) const {
    return {iq::IterableQueue<Item>(iq::open_only, name_).get_consumer()};
  }
  void finish() {}
  std::uint64_t take_overs() const { return queue_.stats().taken_over; }

 private:
  QueueName name_;
  iq::IterableQueue<Item> queue_;
};

double measure_slice(const Entry& entry, Shape shape, const Effort& effort) {
  shape.capacity = effort.capacity;
  const SliceResult slice = run_slice(entry, shape, effort.slice_ns);
  if (!slice.error.empty()) throw std::runtime_error(slice.error);
  return slice.ns_per_item;
}
void measure_slices(const Entry& entry, Shape shape, const Effort& effort,
                    std::vector<double>& readings) {
  for (int i = 0; i < effort.pairs; ++i) readings.push_back(measure_slice(entry, shape, effort));
}

template <std::size_t kIdle>
void add_among_idle(MeasureEntries& entries) {
  entries.push_back({{fmt::format("among_{}_idle", kIdle), "ns/item",
                      "64 B, 1P1C, beside so many producers that do nothing"},
                     [](const Effort& effort, std::vector<double>& readings) {
                       measure_slices(entry<IqAmongIdle<kIdle>>("iq"), {1, 1}, effort, readings);
                     }});
}

void add_busy(MeasureEntries& entries, int count) {
  entries.push_back(
      {{fmt::format("busy_{}P{}C", count, count), "ns/item",
        "64 B, so many processes of each kind at work"},
       [=](const Effort& effort, std::vector<double>& readings) {
         measure_slices(entry<IqAmongIdle<0>>("iq"), {count, count}, effort, readings);
       }});
}

// By turns, since the machine may be another one a second later.
void add_speed(MeasureEntries& entries, int count) {
  entries.push_back({{fmt::format("speed_{}P{}C", count, count), "of 1P1C",
                      "64 B, items per second as part of those of one process of each kind"},
                     [=](const Effort& effort, std::vector<double>& readings) {
                       const Entry peer = entry<IqAmongIdle<0>>("iq");
                       for (int i = 0; i < effort.pairs; ++i) {
                         const double alone = measure_slice(peer, {1, 1}, effort);
                         readings.push_back(alone / measure_slice(peer, {count, count}, effort));
                       }
                     }});
}

// What the file of a queue takes, by the kernel's own count.
double kib_of_file(const QueueName& name) {
  struct stat file {};
  if (::stat(("/dev/shm/iq." + name.text()).c_str(), &file) != 0) {
    throw std::system_error(errno, std::generic_category(), "stat");
  }
  return static_cast<double>(file.st_blocks) / 2;
}

// Of a queue without endpoints, or of what `make` gets from it.
template <class T>
double kib_of_queue() {
  const QueueName name;
  const iq::IterableQueue<T> queue(iq::create_only, name);
  return kib_of_file(name);
}
template <class T, class Make>
double kib_of(const Make& make) {
  const QueueName name;
  iq::IterableQueue<T> queue(iq::create_only, name);
  const double before = kib_of_file(name);
  const auto endpoint = make(queue);
  return kib_of_file(name) - before;
}

template <class T>
void add_lane(MeasureEntries& entries, const std::string& what) {
  entries.push_back({{"memory_producer_" + what, "KiB", "of each further producer, with its lane"},
                     [](const Effort&, std::vector<double>& readings) {
                       readings.push_back(
                           kib_of<T>([](auto& queue) { return queue.get_producer(); }));
                     }});
}

}  // namespace

void add_endpoints(MeasureEntries& entries) {
  for (const int count : {1, 16}) {
    entries.push_back({{fmt::format("idle_consumer_{}", count), "CPU s/min",
                        "of each consumer that waits, with so many of them"},
                       [=](const Effort& effort, std::vector<double>& readings) {
                         measure_idle_consumers(count, effort, readings);
                       }});
  }
  entries.push_back({{"blocked_producer", "CPU s/min", "of a producer that waits for room"},
                     measure_blocked_producer});
  add_among_idle<0>(entries);
  add_among_idle<1>(entries);
  add_among_idle<7>(entries);
  add_among_idle<63>(entries);
  for (const int count : {1, 2, 4, 8, 16, 32, 64}) add_busy(entries, count);
  for (const int count : {2, 4, 8, 16, 32, 64}) add_speed(entries, count);
  entries.push_back({{"memory_queue", "KiB", "of a queue without endpoints"},
                     [](const Effort&, std::vector<double>& readings) {
                       readings.push_back(kib_of_queue<int>());
                     }});
  entries.push_back({{"memory_consumer", "KiB", "of each further consumer"},
                     [](const Effort&, std::vector<double>& readings) {
                       readings.push_back(
                           kib_of<int>([](auto& queue) { return queue.get_consumer(); }));
                     }});
  add_lane<std::uint64_t>(entries, "8B");
  add_lane<Item<64>>(entries, "64B");
  add_lane<iq::Bytes>(entries, "bytes");
}

}  // namespace bench
