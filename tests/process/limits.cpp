// What the system allows a process: an error that says so, and nothing left behind.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using iqtest::require;
using Queue = iq::IterableQueue<int>;
using Texts = iq::IterableQueue<std::string>;

bool exists(const std::string& name) {
  return ::access(("/dev/shm/iq." + name).c_str(), F_OK) == 0;
}

void allow(int resource, rlim_t most) {
  rlimit limit{};
  require(::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0, "getrlimit");
  limit.rlim_cur = most;
  require(::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0, "setrlimit");
}

/// Runs to the end with an item through the queue.
template <class Q>
void works(Q& queue) {
  auto consumer = queue.get_consumer();
  queue.get_producer().put({});
  require(consumer.get_for(5s).has_value(), "an item passes");
  consumer.ack();
}

/// A control group of its own with that much memory; empty where there is none to be had.
class MemoryGroup {
 public:
  explicit MemoryGroup(std::uint64_t bytes) {
    namespace fs = std::filesystem;
    for (const auto& [root, limit] : {std::pair{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                      std::pair{"/sys/fs/cgroup", "memory.max"}}) {
      std::error_code refused;
      const fs::path made = fs::path(root) / iqtest::temp_name("group");
      if (!fs::create_directory(made, refused) || refused) continue;
      if (std::ofstream(made / limit) << bytes << std::flush) {
        path_ = made;
        return;
      }
      fs::remove(made, refused);
    }
  }
  ~MemoryGroup() {
    if (path_.empty()) return;
    iqtest::wait_until([this] { return ::rmdir(path_.c_str()) == 0; });
  }
  explicit operator bool() const { return !path_.empty(); }
  /// Moves this process in.
  void enter() const {
    require(static_cast<bool>(std::ofstream(path_ / "cgroup.procs") << ::getpid() << std::flush),
            "the process enters its group");
  }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("Limits: RLIMIT_FSIZE: both figures, named and anonymous, and no SIGXFSZ") {
  const std::string name = iqtest::temp_name("fsize");
  iqtest::Child child = iqtest::spawn([&] {
    allow(RLIMIT_FSIZE, 1u << 20);
    for (const bool anonymous : {true, false}) {
      try {
        if (anonymous) Queue queue;
        if (!anonymous) Queue queue(iq::create_only, name);
        require(false, "it was refused");
      } catch (const iq::NoSpace& error) {
        const std::string_view text = error.what();
        require(text.find("needs ") != text.npos, text);
        require(text.find("RLIMIT_FSIZE allows 1048576") != text.npos, text);
      }
    }
  });
  CHECK(child.wait().ok());
  CHECK_FALSE(exists(name));
}

TEST_CASE("Limits: RLIMIT_FSIZE set later does no harm to a queue that is there") {
  const std::string name = iqtest::temp_name("fsize");
  Texts queue(iq::create_only, name);
  iqtest::Child child = iqtest::spawn([&] {
    allow(RLIMIT_FSIZE, 4096);
    Texts own(iq::open_only, name);
    works(own);
  });
  CHECK(child.wait().ok());
  queue.close();
}

TEST_CASE("Limits: RLIMIT_NOFILE: whatever number is left, an error or a queue that works") {
  const std::string name = iqtest::temp_name("nofile");
  unsigned refused = 0;
  unsigned worked = 0;
  for (rlim_t left = 0; left < 8; ++left) {
    iqtest::Child child = iqtest::spawn([&] {
      const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ::close(first);
      allow(RLIMIT_NOFILE, static_cast<rlim_t>(first) + left);
      try {
        Queue queue(iq::open_or_create, name);
        works(queue);
        queue.close();
      } catch (const iq::SystemError& error) {
        require(error.error_number() == EMFILE, error.what());
        return 1;
      } catch (const iq::CannotProbe&) {
        return 1;
      }
      return 0;
    });
    const iqtest::Exit exit = child.wait();
    CHECK(exit.signal == 0);
    refused += exit.code == 1;
    worked += exit.code == 0;
    CHECK((exit.code == 0 || exit.code == 1));
    iq::remove(name);
  }
  CHECK(refused > 0);
  CHECK(worked > 0);
}

TEST_CASE("Limits: RLIMIT_AS: no address space is NoSpace with the figure") {
  iqtest::Child child = iqtest::spawn([] {
    allow(RLIMIT_AS, 64u << 20);
    try {
      Texts queue;
      require(false, "it was refused");
    } catch (const iq::NoSpace& error) {
      require(std::string_view(error.what()).find("address space") != std::string_view::npos,
              error.what());
    }
  });
  CHECK(child.wait().ok());
}

TEST_CASE("Limits: a memory group that is too small: an error or the kernel's kill, nothing left") {
  const MemoryGroup group(24u << 20);
  if (!group) iqtest::skip("no memory control group to be had");
  const std::string name = iqtest::temp_name("group");
  iqtest::Child child = iqtest::spawn([&] {
    group.enter();
    try {
      Texts queue(iq::create_only, name, {.bytes_per_producer = 8u << 20, .reserve_lanes = 16});
    } catch (const iq::NoSpace&) {
      return 1;
    }
    return 0;
  });
  const iqtest::Exit exit = child.wait();
  CHECK((exit.code == 1 || exit.signal == SIGKILL));
  CHECK_FALSE(exists(name));
  Texts queue(iq::create_only, name);
  works(queue);
  queue.close();
}

TEST_CASE(
    "Limits: killed by its memory group with an item in hand: that one comes again, counted") {
  const MemoryGroup group(64u << 20);
  if (!group) iqtest::skip("no memory control group to be had");
  const std::string name = iqtest::temp_name("group");
  Texts queue(iq::create_only, name, {.capacity = 8});
  auto producer = queue.get_producer();
  producer.put("in hand");
  iqtest::Gate holds;
  iqtest::Child child = iqtest::spawn([&] {
    group.enter();
    Texts own(iq::open_only, name);
    auto consumer = own.get_consumer();
    require(consumer.get() == "in hand", "the item comes");
    holds.post();
    std::vector<std::string> too_much;
    for (;;) too_much.emplace_back(1 << 20, 'x');
  });
  holds.wait();
  producer.put("behind it");
  auto consumer = queue.get_consumer();
  CHECK(child.wait().signal == SIGKILL);  // the kernel's
  for (int n = 0; n < 2; ++n) {
    const auto item = consumer.get_for(5s);
    REQUIRE(item);
    CHECK(consumer.deliveries() == (*item == "in hand" ? 2 : 1));
  }
  producer.close();
  queue.close();
  CHECK(consumer.get_for(5s).status() == iq::Status::done);
}

TEST_CASE("Limits: a queue's memory is left out of core dumps, named and anonymous") {
  const std::string name = iqtest::temp_name("dump");
  Texts named(iq::create_only, name);
  Texts anonymous;
  auto producer = anonymous.get_producer();
  struct stat status {};
  REQUIRE(::stat(("/dev/shm/iq." + name).c_str(), &status) == 0);
  const std::string file =
      fmt::format(" {:02x}:{:02x} {} ", major(status.st_dev), minor(status.st_dev), status.st_ino);
  unsigned mappings = 0;
  unsigned dumped = 0;
  std::ifstream maps("/proc/self/smaps");
  bool ours = false;
  for (std::string line; std::getline(maps, line);) {
    // A line with addresses begins a mapping; those without access (the locks') have no content.
    if (line.find("-") < 17 && line.find(" r") != line.npos) {
      ours = line.find(file) != line.npos || line.find("memfd:iq") != line.npos;
    } else if (line.find("-") < 17) {
      ours = false;
    }
    if (!ours || !line.starts_with("VmFlags:")) continue;
    ++mappings;
    dumped += (line + " ").find(" dd ") == line.npos;
  }
  CHECK(mappings == 2);
  CHECK(dumped == 0);
  named.close();
}
