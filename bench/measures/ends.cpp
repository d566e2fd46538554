// From a kill to what others see of it.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "arena.hpp"
#include "iq/iq.hpp"
#include "measures.hpp"

namespace bench {
namespace {

using Queue = iq::IterableQueue<std::uint64_t>;

// Forks a process that does `begin` and then nothing, until it is killed.
template <class Begin>
pid_t start_victim(const Begin& begin) {
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid > 0) return pid;
  try {
    const auto endpoint = begin();
    for (;;) ::pause();
  } catch (...) {
  }
  ::_exit(1);
}

std::int64_t kill_now(pid_t pid) {
  const std::int64_t at = now_ns();
  ::kill(pid, SIGKILL);
  return at;
}

void reap(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void wait_for_item(iq::Consumer<std::uint64_t>& in) {
  if (!in.get_for(std::chrono::seconds(10))) throw std::runtime_error("no item came");
}

double ms_since(std::int64_t then_ns) { return static_cast<double>(now_ns() - then_ns) / 1e6; }

// A producer that has put one item and has more.
pid_t start_producer(const QueueName& name) {
  return start_victim([&] {
    auto out = Queue(iq::open_only, name).get_producer();
    out.put(1);
    return out;
  });
}

// Kills in a thread of its own while the caller waits: some time after the begin, another each
// time, so that it meets all phases of a sleep.
class KillLater {
 public:
  KillLater(pid_t pid, int round)
      : thread_([=, this] {
          ::usleep(static_cast<useconds_t>(40'000 + round * 7'001 % 50'000));
          killed_ns_ = kill_now(pid);
        }) {}
  std::int64_t killed_ns() {
    if (thread_.joinable()) thread_.join();
    return killed_ns_;
  }

 private:
  std::int64_t killed_ns_ = 0;
  std::jthread thread_;
};

void measure_teardown(const Effort& effort, std::vector<double>& readings) {
  for (int i = 0; i < effort.times(); ++i) {
    const QueueName name;
    Queue queue(iq::create_only, name);
    iq::Consumer<std::uint64_t> in = queue.get_consumer();
    const pid_t pid = start_producer(name);
    wait_for_item(in);
    const std::int64_t killed = kill_now(pid);
    reap(pid);
    readings.push_back(ms_since(killed));
  }
}

void measure_end(const Effort& effort, std::vector<double>& readings) {
  for (int i = 0; i < effort.times(); ++i) {
    const QueueName name;
    Queue queue(iq::create_only, name);
    iq::Consumer<std::uint64_t> in = queue.get_consumer();
    const pid_t pid = start_producer(name);
    wait_for_item(in);
    queue.close();
    KillLater kill(pid, i);
    try {
      in.get();
      throw std::runtime_error("the death of a producer went unnoticed");
    } catch (const iq::ProducerDied&) {
      const std::int64_t now = now_ns();
      readings.push_back(static_cast<double>(now - kill.killed_ns()) / 1e6);
    }
    reap(pid);
  }
}

void measure_redelivery(const Effort& effort, std::vector<double>& readings) {
  for (int i = 0; i < effort.times(); ++i) {
    const QueueName name;
    Queue queue(iq::create_only, name);
    iq::Producer<std::uint64_t> out = queue.get_producer();
    out.put(1);
    const pid_t pid = start_victim([&] {
      auto in = Queue(iq::open_only, name).get_consumer();
      in.get();
      return in;
    });
    for (int tries = 0; queue.stats().in_hand == 0; ++tries) {
      if (tries > 100'000) throw std::runtime_error("the item was not taken");
      ::usleep(100);
    }
    iq::Consumer<std::uint64_t> in = queue.get_consumer();
    KillLater kill(pid, i);
    if (!in.get() || in.deliveries() != 2) throw std::runtime_error("not delivered again");
    const std::int64_t now = now_ns();
    readings.push_back(static_cast<double>(now - kill.killed_ns()) / 1e6);
    reap(pid);
  }
}

}  // namespace

void add_ends(MeasureEntries& entries) {
  entries.push_back(
      {{"kill_to_gone", "ms", "SIGKILL of a producer until the kernel has cleared it"},
       measure_teardown});
  entries.push_back({{"kill_to_end", "ms", "SIGKILL of the last producer until a consumer is told"},
                     measure_end});
  entries.push_back(
      {{"kill_to_redelivery", "ms", "SIGKILL of a consumer until another one has its item"},
       measure_redelivery});
}

}  // namespace bench
