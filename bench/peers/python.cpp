// Python's multiprocessing.Queue: a script that runs and checks a slice by itself.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "children.hpp"
#include "peers/descriptors.hpp"
#include "workload.hpp"

namespace bench {
namespace {

constexpr std::int64_t kBoundNs = 20'000'000'000;

void become_script(int output, std::size_t bytes, Shape shape, std::int64_t slice_ns) {
  ::dup2(output, STDOUT_FILENO);
  ::execlp("python3", "python3", BENCH_FOLDER "/peers/multiprocessing_queue.py",
           std::to_string(bytes).c_str(), std::to_string(shape.producers).c_str(),
           std::to_string(shape.consumers).c_str(), std::to_string(slice_ns).c_str(), nullptr);
  fail_call("python3");
}

template <std::size_t kBytes>
SliceResult run_python(Shape shape, std::int64_t slice_ns) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_call("pipe");
  const Descriptor from(ends[0]), to(ends[1]);
  Children children;
  children.start([&] { become_script(to.number(), kBytes, shape, slice_ns); });
  SliceResult result;
  result.error = children.join(kBoundNs);
  if (!result.error.empty()) return result;
  std::array<char, 256> text{};
  if (::read(from.number(), text.data(), text.size() - 1) <= 0 ||
      std::sscanf(text.data(), "%lf %lf", &result.ns_per_item, &result.end_ms) != 2) {
    result.error = "wrong: the script printed no figures";
  }
  return result;
}

}  // namespace

void add_python(Entries& entries) {
  for_each_size([&]<std::size_t kBytes>() {
    entries.push_back({.peer = "python-mp",
                       .mode = kBytes < kLarge ? "single" : "copy",
                       .bytes = kBytes,
                       .run = run_python<kBytes>});
  });
}

}  // namespace bench
