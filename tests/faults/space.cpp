// Shared memory that is too small, or fills up later: an error with both figures, never SIGBUS.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "faults/stage.hpp"
#include "sys/shm_file.hpp"

using namespace faults;

namespace {

constexpr int kNotPermitted = 77;

/// Runs `f` in a child whose queues live on a tmpfs of that size of its own.
template <class F>
void on_a_tmpfs(const char* size, F&& f) {
  const std::string folder = std::filesystem::temp_directory_path() / iqtest::temp_name("tmpfs");
  std::filesystem::create_directory(folder);
  iqtest::Child child = iqtest::spawn([&] {
    const std::string option = std::string("size=") + size;
    // A mount namespace of its own: gone with the child.
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", folder.c_str(), "tmpfs", 0, option.c_str()) != 0) {
      return kNotPermitted;
    }
    iq::detail::set_shm_directory_for_test(folder);
    f(folder);
    return 0;
  });
  const iqtest::Exit exit = child.wait();
  std::filesystem::remove(folder);
  if (exit.code == kNotPermitted) iqtest::skip("no permission to mount a tmpfs");
  CHECK_MESSAGE(exit.ok(), exit);
}

/// Fills the file system to its last page.
void fill(const std::string& folder) {
  const int file = ::open((folder + "/others").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  iqtest::require(file >= 0, "a file of others can be made");
  const std::string page(4096, 'x');
  while (::write(file, page.data(), page.size()) > 0) {
  }
  ::close(file);
}

/// "needs N bytes, … has M …": both are there.
void require_figures(const iq::NoSpace& error) {
  const std::string_view text = error.what();
  iqtest::require(text.find("needs ") != std::string_view::npos, text);
  iqtest::require(text.find(" has ") != std::string_view::npos, text);
}

template <class F>
void require_no_space(F&& f) {
  try {
    f();
  } catch (const iq::NoSpace& error) {
    return require_figures(error);
  }
  iqtest::require(false, "NoSpace is thrown");
}

}  // namespace

TEST_CASE("Space: on 64 KiB of shared memory creation says what it needs and leaves nothing") {
  on_a_tmpfs("64k", [](const std::string& folder) {
    require_no_space([] { iq::IterableQueue<Text> queue(iq::create_only, "small"); });
    iqtest::require(std::filesystem::is_empty(folder), "nothing is left");
  });
}

TEST_CASE("Space: on 64 MiB get_producer says what it needs when it is too much, the rest works") {
  on_a_tmpfs("64m", [](const std::string& folder) {
    {
      iq::IterableQueue<Text> queue(iq::create_only, "big", {.bytes_per_producer = 20u << 20});
      auto producer = queue.get_producer();
      require_no_space([&] { auto second = queue.get_producer(); });
      producer.put(make<Text>(1));
      producer.close();
      queue.close();
      auto consumer = queue.get_consumer();
      iqtest::require(consumer.get()->id == 1, "the first producer works");
      iqtest::require(!consumer.get(), "the stream ends");
    }
    iqtest::require(std::filesystem::is_empty(folder), "nothing is left");
  });
}

TEST_CASE("Space: filled by others after creation, what was handed out works to its last byte") {
  on_a_tmpfs("16m", [](const std::string& folder) {
    iq::IterableQueue<Fixed> queue(iq::create_only, "full", {.capacity = 1024});
    auto producer = queue.get_producer();
    fill(folder);
    for (std::uint32_t id = 0; id < 1024; ++id) {
      iqtest::require(producer.try_put(make<Fixed>(id)) == iq::Status::ok, "all places are there");
    }
    require_no_space([&] { auto second = queue.get_producer(); });
    // Where no page for the parking area is left, a poisoned item stays in its place.
    auto consumer = queue.get_consumer();
    for (int deliveries = 0; deliveries < 3; ++deliveries) {
      iqtest::require(consumer.try_get().has_value(), "items come");
      consumer.give_back();
    }
    iqtest::require(queue.stats().parked == 1 && queue.parked().size() == 1, "it is parked");
    iqtest::require(queue.drop_parked() == 1, "it can be dropped");
    producer.close();
    queue.close();
    std::uint32_t count = 0;
    for (const Fixed& item : consumer) {
      iqtest::require(whole(item), "an item is not torn");
      ++count;
    }
    iqtest::require(count == 1023, "all others are delivered");
    consumer.close();
    std::filesystem::remove(folder + "/others");
  });
}
