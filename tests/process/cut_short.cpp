// A peer that cuts the file of a queue short. Of a named queue it can, as it can overwrite any
// item: who is attached then dies of SIGBUS at the next touch, who comes or looks is told. Of an
// anonymous one nobody can: its size is sealed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "support/process.hpp"

namespace {

using namespace std::chrono_literals;
using iqtest::require;
using Queue = iq::IterableQueue<int>;

std::string path_of(const std::string& name) { return "/dev/shm/iq." + name; }

/// Where this process has its only anonymous queue.
std::string anonymous_path() {
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(each.path(), gone);
    if (target.string().starts_with("/memfd:iq")) return each.path();
  }
  require(false, "there is an anonymous queue");
  return {};
}

template <class E, class F>
std::string text_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

}  // namespace

TEST_CASE(
    "Cut short: a named queue's users die of SIGBUS, whoever comes is told, and may remove it") {
  for (const off_t left : {0, 4096, 300'000}) {
    const std::string name = iqtest::temp_name("cut");
    iqtest::Gate attached;
    iqtest::Flag go;
    iqtest::Child user = iqtest::spawn([&] {
      Queue queue(iq::create_only, name);
      auto producer = queue.get_producer();
      ::signal(SIGBUS, SIG_DFL);
      attached.post();
      go.wait();
      for (int i = 0; i < 8192; ++i) producer.put(i);  // its lane lies behind all of that
    });
    attached.wait();
    REQUIRE(::truncate(path_of(name).c_str(), left) == 0);
    go.set();
    CHECK(user.wait() == iqtest::Exit{-1, SIGBUS});
    const std::string text = text_of<iq::Corrupt>([&] { Queue late(iq::open_or_create, name); });
    CHECK(text.find(std::to_string(left) + " bytes") != text.npos);
    CHECK(text.find("emove the ") != text.npos);  // how to go on
    const iq::Inspection seen = iq::inspect(name);
    CHECK(seen.error == iq::Errc::corrupt);
    struct stat status {};
    REQUIRE(::stat(path_of(name).c_str(), &status) == 0);
    CHECK(status.st_size == left);  // left as it is
    CHECK(iq::remove(name));
    Queue fresh(iq::open_or_create, name);
    fresh.get_producer().put(1);
    CHECK(fresh.get_consumer().get() == 1);
    fresh.close();
  }
}

TEST_CASE("Cut short: a named queue that was made longer goes on, whoever comes is told") {
  const std::string name = iqtest::temp_name("longer");
  Queue queue(iq::create_only, name);
  const auto bytes = std::filesystem::file_size(path_of(name));
  REQUIRE(::truncate(path_of(name).c_str(), static_cast<off_t>(bytes + 4096)) == 0);
  CHECK_THROWS_AS(Queue(iq::open_only, name), iq::Corrupt);
  auto producer = queue.get_producer();
  producer.put(5);
  CHECK(queue.get_consumer().get() == 5);
  CHECK(iq::remove(name));
}

TEST_CASE("Cut short: an anonymous queue's size is sealed, no peer can change it") {
  Queue queue;
  auto producer = queue.get_producer();
  auto consumer = queue.get_consumer();
  const std::string path = anonymous_path();
  const auto bytes = static_cast<off_t>(std::filesystem::file_size(path));
  iqtest::Child peer = iqtest::spawn([&] {
    const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    require(file >= 0, "a peer comes at the file");
    for (const off_t size : {off_t{0}, off_t{4096}, bytes - 1, bytes + 4096}) {
      require(::ftruncate(file, size) != 0 && errno == EPERM, "its size stays");
    }
    require(::fallocate(file, 0, bytes, 4096) != 0 && errno == EPERM, "nothing is added");
    require(::truncate(path.c_str(), 0) != 0 && errno == EPERM, "nor by its path");
    require(::open(path.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC) < 0 && errno == EPERM, "nor opened");
    require(::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) != 0 && errno == EPERM, "nor closed to all");
    ::close(file);
  });
  CHECK(peer.wait().ok());
  CHECK(static_cast<off_t>(std::filesystem::file_size(path)) == bytes);
  for (int i = 0; i < 8192; ++i) CHECK(producer.try_put(i) == iq::Status::ok);
  for (int i = 0; i < 8192; ++i) CHECK(*consumer.get_for(5s) == i);
}
