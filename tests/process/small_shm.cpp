// A /dev/shm that is too small, or that others fill up: an error that says what is needed and what
// there is, and never a process that is killed because a page could not be had.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <string>

#include "iq/inspect.hpp"
#include "iq/iq.hpp"
#include "process/namespaces.hpp"

namespace {

using namespace std::chrono_literals;
using iqtest::require;
using Numbers = iq::IterableQueue<int>;
using Texts = iq::IterableQueue<std::string>;
constexpr std::uint64_t kPage = 4096;
const std::string kName = "small";

bool is_empty() { return std::filesystem::is_empty("/dev/shm"); }

std::uint64_t free_pages() {
  struct statvfs status {};
  require(::statvfs("/dev/shm", &status) == 0, "statvfs");
  return status.f_bavail * status.f_bsize / kPage;
}

/// A file of somebody else that leaves exactly so many pages free.
class Others {
 public:
  Others() : file_(::open(kPath, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) {
    require(file_ >= 0, "a file of others");
  }
  ~Others() {
    ::close(file_);
    ::unlink(kPath);
  }
  Others(const Others&) = delete;
  Others& operator=(const Others&) = delete;

  void leave(std::uint64_t pages) {
    require(::ftruncate(file_, 0) == 0, "ftruncate");
    const std::uint64_t now = free_pages();
    require(now >= pages, "there are so many");
    if (now == pages) return;
    require(::posix_fallocate(file_, 0, static_cast<off_t>((now - pages) * kPage)) == 0, "filled");
    require(free_pages() == pages, "exactly so many are left");
  }

 private:
  static constexpr const char* kPath = "/dev/shm/others";
  int file_;
};

/// The number behind `word` in the text of an error.
std::uint64_t figure(std::string_view text, std::string_view word) {
  const auto at = text.find(word);
  require(at != text.npos, text);
  return std::stoull(std::string(text.substr(at + word.size(), 20)));
}

/// Whether there was room. If not, the error has both figures, and they are true.
template <class F>
bool has_room(F&& f) {
  const std::uint64_t free = free_pages() * kPage;
  try {
    f();
  } catch (const iq::NoSpace& error) {
    const std::uint64_t has = figure(error.what(), "(/dev/shm) has ");
    require(figure(error.what(), "needs ") > 0 && has <= free, error.what());
    return false;
  }
  return true;
}

/// Everything that a queue of texts can be asked for; errors for want of room are welcome.
void use(Texts& queue, unsigned& worked) {
  const std::string text(300, 'x');
  worked += has_room([&] {
    auto producer = queue.get_producer();
    auto consumer = queue.get_consumer();
    for (int i = 0; i < 4; ++i) producer.put(text);
    for (int i = 0; i < 4; ++i) require(*consumer.get_for(5s) == text, "an item is not torn");
    consumer.ack();
    producer.put(text);
    require(*consumer.get_for(5s) == text, "it comes");
    consumer.give_back();  // its only delivery: parked, in its place if need be
    require(consumer.try_get().status() == iq::Status::empty, "it is parked");
    require(queue.parked().size() == 1 && queue.parked()[0].item == text, "and can be seen");
    require(queue.requeue_parked() <= 1, "put again if there is room");
    if (const auto again = consumer.try_get()) require(*again == text, "not torn");
    consumer.ack();
    queue.drop_parked();
  });
  worked += has_room([&] {
    Texts output(iq::create_only, "output", {.capacity = 2, .bytes_per_producer = 1024});
    auto in = queue.get_consumer();
    auto out = output.get_producer();
    queue.get_producer().put(text);
    queue.close();
    iq::relay(in, out, [](const std::string& each) { return each; });
    auto consumer = output.get_consumer();
    require(*consumer.get_for(5s) == text, "passed on");
    consumer.ack();
    out.close();
    output.close();
  });
  iq::remove("output");
  require(!iq::inspect(kName).error, "and somebody may look");
}

}  // namespace

TEST_CASE("Small /dev/shm: 64 KiB: creating says what it needs and has, and leaves nothing") {
  const iqtest::Exit exit = iqtest::with_shm_of("64k", [] {
    require(!has_room([] { Numbers queue(iq::create_only, kName); }), "refused");
    require(!has_room([] { Texts queue(iq::open_or_create, kName); }), "refused");
    require(is_empty(), "nothing is left");
    Texts anonymous;  // has no part in it
    anonymous.get_producer().put("here");
    require(anonymous.get_consumer().get() == "here", "it works");
  });
  CHECK(exit.ok());
}

TEST_CASE("Small /dev/shm: 1 MiB: as many producers as there is room for, then the figures") {
  const iqtest::Exit exit = iqtest::with_shm_of("1m", [] {
    Numbers queue(iq::create_only, kName, {.capacity = 64});
    std::vector<iq::Producer<int>> producers;
    while (has_room([&] { producers.push_back(queue.get_producer()); })) {
      for (int i = 0; i < 64; ++i) {
        require(producers.back().try_put(i) == iq::Status::ok, "all of its room is there");
      }
    }
    require(producers.size() > 3, "several found room");
    std::cout << "  " << producers.size() << " producers\n";
    const std::size_t items = producers.size() * 64;
    producers.clear();
    auto late = queue.get_producer();  // a lane that is there needs no room
    late.close();
    queue.close();
    auto consumer = queue.get_consumer();
    std::size_t count = 0;
    while (consumer.get_for(5s)) ++count;
    require(count == items, "each item comes");
    consumer.close();
  });
  CHECK(exit.ok());
}

TEST_CASE("Small /dev/shm: 64 MiB: lanes that nobody chose a size for leave room for twenty") {
  const iqtest::Exit exit = iqtest::with_shm_of("64m", [] {
    using Pages = iq::IterableQueue<std::array<std::byte, kPage>>;
    const auto room = [](Pages& queue) {
      auto producer = queue.get_producer();
      std::size_t items = 0;
      while (producer.try_put({}) == iq::Status::ok) ++items;
      return items;
    };
    Pages pages(iq::create_only, kName);
    require(room(pages) == 512, "a thirty-second of it");
    std::vector<iq::Producer<std::array<std::byte, kPage>>> producers;
    for (int i = 0; i < 20; ++i) producers.push_back(pages.get_producer());
    Pages anonymous;
    require(room(anonymous) == 1024, "4 MiB: it is somewhere else");
  });
  CHECK(exit.ok());
}

TEST_CASE("Small /dev/shm: filled by others to any page, whoever asks is told, nobody is killed") {
  iqtest::limit_seconds(120);  // a second alone
  iqtest::SharedCounter refused = iqtest::shared_counter();
  iqtest::SharedCounter worked = iqtest::shared_counter();
  const iqtest::Exit exit = iqtest::with_shm_of("3m", [&] {
    Others others;
    for (std::uint64_t pages = 0; pages < 250; ++pages) {
      Texts queue(iq::open_or_create, kName,
                  {.capacity = 4, .bytes_per_producer = 2048, .max_deliveries = 1});
      others.leave(pages);
      unsigned done = 0;
      use(queue, done);
      *worked += done;
      *refused += 2 - done;
      queue.close();
      iq::remove(kName);
      others.leave(free_pages());
    }
  });
  CHECK(exit.ok());
  std::cout << "  " << *worked << " times there was room, " << *refused << " times not\n";
  CHECK(*worked > 0);
  CHECK(*refused > 0);
}

TEST_CASE("Small /dev/shm: filled to any page, creating leaves a whole queue or nothing") {
  iqtest::limit_seconds(120);
  const iqtest::Exit exit = iqtest::with_shm_of("2m", [&] {
    Others others;
    bool before = false;
    for (std::uint64_t pages = 0; pages < 200; ++pages) {
      others.leave(pages);
      const bool made = has_room([] {
        Numbers queue(iq::create_only, kName, {.capacity = 4, .reserve_lanes = 1});
        queue.get_producer().put(1);  // the one that was reserved
        require(queue.get_consumer().get() == 1, "it works");
        queue.close();
      });
      require(made || !before, "what was enough stays enough");
      before = made;
      require(::access("/dev/shm/iq.small", F_OK) != 0, "nothing is left");
    }
    require(before, "in the end there was room");
  });
  CHECK(exit.ok());
}
