// Runs one row of the table with all its parties in one thread, to be looked at by lines.py.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <exception>
#include <fstream>
#include <string>

#include "compare.hpp"
#include "peer.hpp"
#include "trace/turns.hpp"

// Time stands still here, since nothing takes as long as it does outside: the size of a batch is
// chosen by how long the last one took. What sleeps would sleep for ever; nothing does.
extern "C" int clock_gettime(clockid_t, timespec* time) {
  *time = {.tv_sec = 1000, .tv_nsec = 0};
  return 0;
}

namespace bench {

std::array<std::uint64_t, 64> turn_marks;

Strand::Strand(std::function<void(Strand&)> function)
    : function_(std::move(function)), stack_(256 * 1024) {
  ::getcontext(&inside_);
  inside_.uc_stack.ss_sp = stack_.data();
  inside_.uc_stack.ss_size = stack_.size();
  inside_.uc_link = &outside_;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  ::makecontext(&inside_, reinterpret_cast<void (*)()>(run), 2, static_cast<unsigned>(self >> 32),
                static_cast<unsigned>(self));
}

void Strand::run(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Strand*>((std::uintptr_t{high} << 32) | low);
  try {
    self->function_(*self);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-trace: {}\n", error.what());
  }
  ::_exit(1);  // a consumer that has seen the end
}

void Strand::resume() { ::swapcontext(&outside_, &inside_); }
void Strand::pause() { ::swapcontext(&inside_, &outside_); }

namespace {

// Where items and what announces them may be: what processes share, each with its file, since one
// may be mapped in several places; or, of threads, everything.
void print_shared(Parties parties) {
  fmt::print("marks {:x}\n", reinterpret_cast<std::uintptr_t>(turn_marks.data()));
  if (parties == Parties::threads) fmt::print("everything\n");
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("-s ") != std::string::npos || line.find("ws ") != std::string::npos) {
      fmt::print("shared {}\n", line);
    }
  }
  std::fflush(stdout);
}

int run(const std::string& peer, const std::string& mode, const std::string& size, Shape shape,
        Turns turns) {
  for (const Entry& entry : all_entries()) {
    if (entry.peer != peer || entry.mode != mode || size_name(entry.bytes) != size) continue;
    if (entry.take_turns == nullptr) continue;
    entry.take_turns(shape, turns, [&] { print_shared(entry.parties); });
    ::_exit(0);  // the consumers wait for more
  }
  fmt::print(stderr, "bench-trace: there is no {} {} {}\n", peer, mode, size);
  return 2;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc != 9) {
    fmt::print(stderr, "usage: bench-trace PEER MODE SIZE PRODUCERS CONSUMERS LANE WARM COUNTED\n");
    return 2;
  }
  try {
    const auto number = [&](int i) { return std::stoi(argv[i]); };
    const bench::Shape shape{number(4), number(5), static_cast<std::size_t>(number(6))};
    return bench::run(argv[1], argv[2], argv[3], shape, {number(7), number(8)});
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench-trace: {}\n", error.what());
    return 1;
  }
}
