// Everybody killed, again and again, on one name: the next start works, a mismatch with the living
// is refused with both descriptions, and /dev/shm does not fill up.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <iostream>
#include <random>

#include "faults/stage.hpp"
#include "sys/shm_file.hpp"

namespace faults {

/// A third type, in place and larger than the others' slots.
struct Wide {
  std::uint32_t id;
  std::array<std::uint32_t, 49> copies;
};
static void make(std::uint32_t id, Wide& item) {
  item.id = id;
  item.copies.fill(id);
}
static bool whole(const Wide& item) {
  return std::ranges::all_of(item.copies, [&](std::uint32_t copy) { return copy == item.id; });
}

}  // namespace faults

using namespace faults;

namespace {

/// What is under the name now: bytes that are really there, 0 when there is no such file.
std::uint64_t bytes_in_shared_memory(const std::string& name) {
  struct stat status {};
  if (::stat(iq::detail::shm_path(name).c_str(), &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

struct Progress {
  std::atomic<unsigned> attached{0};  // of those that live
  std::atomic<unsigned> moved{0};
};

/// A program that puts and gets on the queue of that name until it is killed.
template <class T>
void live_on(const std::string& name, const iq::Options& options, Progress& progress, bool doomed,
             bool produce) {
  iq::IterableQueue<T> queue(iq::open_or_create, name, options);
  if (!doomed) ++progress.attached;
  for (std::uint32_t id = 0;; ++id) {
    if (produce) {
      auto producer = queue.get_producer();
      for (int i = 0; i < 3; ++i) {
        if (producer.put_for(make<T>(id % 100), 1ms) == iq::Status::ok) ++progress.moved;
      }
    } else {
      auto consumer = queue.get_consumer();
      if (const auto item = consumer.get_for(1ms)) {
        iqtest::require(whole(*item), "an item is not torn");
        ++progress.moved;
      }
    }
  }
}

template <class T>
std::string refusal(const std::string& name) {
  try {
    iq::IterableQueue<T> queue(iq::open_or_create, name);
  } catch (const iq::WrongType& error) {
    return error.what();
  }
  return {};
}

template <class T>
constexpr const char* name_of() {
  return std::is_same_v<T, Wide> ? "Wide" : std::is_same_v<T, Text> ? "Text" : "Fixed";
}

/// Three programs on the name: all that live get the queue, and who comes with items of type Other
/// is refused. Then they are killed.
template <class T, class Other>
void one_life(const std::string& name, const iq::Options& options, std::mt19937& random) {
  iqtest::Shared<Progress> progress;
  std::vector<iqtest::Child> programs;
  unsigned living = 0;
  for (int i = 0; i < 3; ++i) {
    // Sometimes dead before it has begun.
    const int dies_at = random() % 6 == 0 ? 1 + static_cast<int>(random() % 3) : 0;
    living += dies_at == 0;
    programs.push_back(iqtest::spawn([&, i, dies_at] {
      if (dies_at != 0) iqtest::kill_at("attach_after_live", dies_at);
      live_on<T>(name, options, *progress, dies_at != 0, i != 0);
    }));
  }
  REQUIRE(iqtest::wait_until([&] { return progress->attached >= living; }));
  const auto enough = static_cast<unsigned>(random() % 12);
  (void)iqtest::wait_until([&] { return progress->moved >= enough; }, 0.005);
  if (living != 0 && random() % 4 == 0) {
    const std::string text = refusal<Other>(name);
    REQUIRE(text.find(name_of<T>()) != text.npos);
    REQUIRE(text.find(name_of<Other>()) != text.npos);
  }
  for (iqtest::Child& program : programs) program.kill();
  for (iqtest::Child& program : programs) REQUIRE(program.wait().signal == SIGKILL);
}

}  // namespace

TEST_CASE("Restart: everybody killed 1,000 times on one name, the next start works every time") {
  iqtest::limit_seconds(300);  // seven seconds alone
  const std::string name = iqtest::temp_name("restart");
  std::mt19937 random(20);
  std::uint64_t most = 0;
  for (int life = 0; life < 1'000; ++life) {
    const iq::Options options{.capacity = std::uint64_t{4} << random() % 4,
                              .bytes_per_producer = std::uint64_t{1024} << random() % 3,
                              .max_deliveries = 14};
    switch (random() % 3) {
      case 0: one_life<Text, Fixed>(name, options, random); break;
      case 1: one_life<Fixed, Wide>(name, options, random); break;
      default: one_life<Wide, Text>(name, options, random); break;
    }
    most = std::max(most, bytes_in_shared_memory(name));
  }
  std::cout << "  at most " << most / 1024 << " KiB in /dev/shm\n";
  CHECK(most < 16u << 20);  // 1,024 lanes of 12 KiB, and who is there
  iq::IterableQueue<Text> queue(iq::open_or_create, name);
  auto consumer = queue.get_consumer();
  while (consumer.get_for(100ms)) {  // what the last life left, if it was of this type
  }
  auto producer = queue.get_producer();
  producer.put(make<Text>(1000));
  CHECK(consumer.get_for(bound)->id == 1000);
  consumer.ack();
  producer.close();
  queue.close();
}

TEST_CASE("Restart: dead users' queue of another type is replaced, living users' is refused") {
  const std::string name = iqtest::temp_name("types");
  {
    iq::IterableQueue<Text> living(iq::create_only, name);
    const std::string text = refusal<Fixed>(name);
    CHECK(text.find("Fixed") != std::string::npos);
    CHECK(text.find("Text") != std::string::npos);
  }
  iqtest::Gate made;
  iqtest::Child owner = iqtest::spawn([&] {
    iq::IterableQueue<Text> queue(iq::open_or_create, name);
    auto producer = queue.get_producer();
    producer.put(make<Text>(1));
    made.post();
    for (;;) ::pause();
  });
  made.wait();
  owner.stop();  // stopped is not dead
  CHECK(!refusal<Fixed>(name).empty());
  owner.kill_and_wait();
  iq::IterableQueue<Fixed> queue(iq::open_or_create, name);
  auto producer = queue.get_producer();
  producer.put(make<Fixed>(2));
  producer.close();
  queue.close();
  auto consumer = queue.get_consumer();
  CHECK(consumer.get()->id == 2);
  CHECK(!consumer.get());
}

TEST_CASE("Restart: a stopped queue's name is free for the next start, whatever was dropped") {
  const std::string name = iqtest::temp_name("stopped");
  {
    iq::IterableQueue<Text> queue(iq::open_or_create, name);
    auto producer = queue.get_producer();
    producer.put(make<Text>(1));
    queue.stop();
    CHECK(queue.stats().dropped == 1);
  }
  CHECK(bytes_in_shared_memory(name) == 0);  // the last to leave took the name along
  iq::IterableQueue<Text> queue(iq::open_or_create, name);
  auto producer = queue.get_producer();
  CHECK(producer.try_put(make<Text>(2)) == iq::Status::ok);
  auto consumer = queue.get_consumer();
  const auto item = consumer.try_get();
  REQUIRE(item.status() == iq::Status::ok);
  CHECK(item->id == 2);
  consumer.ack();
  producer.close();
  queue.close();
}
