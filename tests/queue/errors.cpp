// Bad input: an error with both values and what to do, and nothing lost.
#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "queue/named.hpp"

namespace {

using namespace iqtest;

struct Job {
  int id;
  double weight;
};
struct OtherJob {
  int id;
  float weight;
  std::array<char, 32> tail;
};
struct NamedJob {
  int id;
  std::string title;
};
/// An item that takes as long to read as a test wants.
struct Slow {
  int id;
  static inline std::function<void()> look_at;
};

}  // namespace

template <>
struct iq::Codec<Slow> {
  static constexpr std::uint32_t kVersion = 1;
  static void encode(const Slow& item, iq::Encoder& out) { out(item.id); }
  static Slow decode(iq::Decoder& in) {
    if (Slow::look_at) Slow::look_at();
    return {in.get<int>()};
  }
};

TEST_CASE("WrongType: the text describes both types, and the queue is unharmed") {
  Name name;
  iq::IterableQueue<Job> queue(iq::create_only, name);
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  producer.put({1, 2.5});
  for (const auto mode : {0, 1}) {
    const std::string text = text_of<iq::WrongType>([&] {
      if (mode == 0) iq::IterableQueue<OtherJob>(iq::open_only, name);
      if (mode == 1) iq::IterableQueue<OtherJob>(iq::open_or_create, name);
    });
    INFO(text);
    CHECK(has(text, name));
    CHECK(has(text, "Job` (" + std::to_string(sizeof(Job)) + " bytes"));
    CHECK(has(text, "OtherJob` (" + std::to_string(sizeof(OtherJob)) + " bytes"));
  }
  CHECK_THROWS_AS(iq::IterableQueue<NamedJob>(iq::open_only, name), iq::WrongType);
  CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_only, name), iq::WrongType);
  CHECK(consumer.get()->weight == 2.5);
  queue.close();
}

TEST_CASE("WrongType: with nobody alive, open_or_create replaces the queue of another type") {
  Name name;
  { iq::IterableQueue<Job> queue(iq::create_only, name); }
  CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_only, name), iq::WrongType);
  iq::IterableQueue<int> queue(iq::open_or_create, name);
  queue.close();
}

TEST_CASE("TooLarge: the text has both sizes, nothing was appended, the producer goes on") {
  iq::IterableQueue<std::string> queue({.capacity = 4, .bytes_per_producer = 4096});
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  const std::string big(10'000, 'b');
  const auto check = [&](const std::string& text) {
    INFO(text);
    CHECK(has(text, "100"));  // 10,000 and what the encoding adds
    CHECK(has(text, "4096"));
    CHECK(has(text, "bytes_per_producer"));
  };
  check(text_of<iq::TooLarge>([&] { producer.put(big); }));
  check(text_of<iq::TooLarge>([&] { producer.try_put(big); }));
  check(text_of<iq::TooLarge>([&] { producer.put_for(big, std::chrono::seconds(1)); }));
  CHECK(queue.size() == 0);
  const std::vector<std::string> mixed{"first", big, "never"};
  CHECK_THROWS_AS(producer.put_all(mixed), iq::TooLarge);
  producer.put("after");
  CHECK(queue.size() == 2);
  CHECK(consumer.get() == "first");
  CHECK(consumer.get() == "after");
}

TEST_CASE("BadName: empty, too long, a slash, blanks, dots only") {
  for (const std::string& name :
       {std::string(), std::string(201, 'n'), std::string("a/b"), std::string("../x"),
        std::string("a b"), std::string("."), std::string(".."), std::string("nul\0", 4),
        std::string("\xc3\xa9")}) {
    INFO("name: ", name);
    CHECK_THROWS_AS(iq::IterableQueue<int>(iq::create_only, name), iq::BadName);
    CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_only, name), iq::BadName);
    CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_or_create, name), iq::BadName);
    CHECK_THROWS_AS(iq::remove(name), iq::BadName);
  }
}

TEST_CASE("BadArgument: options out of their range are refused with value and range") {
  using Queue = iq::IterableQueue<int>;
  const std::string deliveries =
      text_of<iq::BadArgument>([] { Queue queue({.max_deliveries = 15}); });
  CHECK(has(deliveries, "15"));
  CHECK(has(deliveries, "14"));
  CHECK_THROWS_AS(Queue({.max_deliveries = 0}), iq::BadArgument);
  CHECK_THROWS_AS(Queue({.capacity = UINT64_MAX}), iq::BadArgument);
  CHECK_THROWS_AS(Queue({.capacity = (std::uint64_t{1} << 24) + 1}), iq::BadArgument);
  CHECK_THROWS_AS(Queue({.reserve_lanes = 1025}), iq::BadArgument);
  CHECK_THROWS_AS(iq::IterableQueue<std::string>({.bytes_per_producer = UINT64_MAX}),
                  iq::BadArgument);
}

TEST_CASE("Corrupt: a foreign file under the name is refused and left as it is") {
  Name name;
  for (const std::size_t bytes : {0u, 5u, 4096u, 100'000u}) {
    const std::string content(bytes, 'z');
    std::ofstream(path_of(name)) << content;
    CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_only, name), iq::Corrupt);
    CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_or_create, name), iq::Corrupt);
    CHECK_THROWS_AS(iq::IterableQueue<int>(iq::create_only, name), iq::Error);
    std::ifstream file(path_of(name));
    const std::string left((std::istreambuf_iterator<char>(file)), {});
    CHECK(left == content);
    ::unlink(path_of(name).c_str());
  }
}

TEST_CASE(
    "WrongVersion: the text has both versions and the way out, and the file is left as it is") {
  Name name;
  { iq::IterableQueue<Job> queue(iq::create_only, name); }
  std::fstream file(path_of(name), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8);  // behind the magic number
  const std::uint32_t other = 4711;
  file.write(reinterpret_cast<const char*>(&other), sizeof other);
  file.close();
  for (const auto mode : {0, 1, 2}) {
    const std::string text = text_of<iq::WrongVersion>([&] {
      if (mode == 0) iq::IterableQueue<Job>(iq::open_only, name);
      if (mode == 1) iq::IterableQueue<Job>(iq::open_or_create, name);
      if (mode == 2) iq::IterableQueue<Job>(iq::create_only, name);
    });
    CHECK(has(text, "its format is version 4711, this program's is "));
    CHECK(has(text, "iq rm " + name.text));
  }
  CHECK(exists(name));
}

TEST_CASE(
    "CannotProbe: an anonymous queue whose descriptor was closed by user code takes no endpoint") {
  Child child = spawn([] {
    iq::IterableQueue<int> queue;
    require(::close_range(3, ~0U, 0) == 0, "all descriptors are closed");
    const std::string text = text_of<iq::CannotProbe>([&] { queue.get_consumer(); });
    require(has(text, "no longer stands for it"), text);
    require(has(text, "Keep other code of this program from closing"), text);
  });
  CHECK(child.wait().ok());
}

TEST_CASE("Busy: the parked items are in another process's hands for longer than a second") {
  Name name;
  iq::IterableQueue<Slow> queue(iq::create_only, name, {.max_deliveries = 1});
  queue.get_producer().put({1});
  auto consumer = queue.get_consumer();
  REQUIRE(consumer.get());
  consumer.give_back();
  iqtest::Gate looking;
  Flag leave;
  Child other = spawn([&] {
    iq::IterableQueue<Slow> own(iq::open_only, name);
    Slow::look_at = [&] {
      looking.post();
      leave.wait();
    };
    require(own.parked().size() == 1, "it is parked");
  });
  looking.wait();
  const std::string text = text_of<iq::Busy>([&] { queue.parked(); });
  CHECK(has(text, "another process has been at the parked items for a second. Try again"));
  leave.set();
  CHECK(other.wait().ok());
  CHECK(queue.drop_parked() == 1);
  queue.close();
}

TEST_CASE("NoPermission: a symlink, a FIFO and a folder under the name are refused, not followed") {
  Name name;
  const std::string path = path_of(name);
  const std::string target = path + ".target";
  CHECK(::symlink(target.c_str(), path.c_str()) == 0);
  CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_only, name), iq::NoPermission);
  CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_or_create, name), iq::NoPermission);
  CHECK(::access(target.c_str(), F_OK) != 0);
  ::unlink(path.c_str());

  CHECK(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_only, name), iq::NoPermission);
  ::unlink(path.c_str());

  CHECK(::mkdir(path.c_str(), 0700) == 0);
  CHECK_THROWS_AS(iq::IterableQueue<int>(iq::open_only, name), iq::NoPermission);
  ::rmdir(path.c_str());
}

TEST_CASE("Closed: every use of a moved-from or closed object says so") {
  iq::IterableQueue<int> queue;
  auto consumer = queue.get_consumer();
  auto producer = queue.get_producer();
  auto moved_producer = std::move(producer);
  auto moved_consumer = std::move(consumer);
  CHECK_THROWS_AS(producer.put(1), iq::Closed);
  CHECK_THROWS_AS(producer.try_put(1), iq::Closed);
  CHECK_THROWS_AS(consumer.get(), iq::Closed);
  CHECK_THROWS_AS(consumer.begin(), iq::Closed);
  CHECK_THROWS_AS(consumer.item_id(), iq::Closed);
  CHECK(producer.is_closed());
  CHECK(consumer.is_closed());
  producer.close();
  consumer.close();
  consumer.ack();
  CHECK_FALSE(moved_producer.is_closed());
  moved_producer.put(3);
  CHECK(moved_consumer.get() == 3);
  moved_consumer.close();
  CHECK_THROWS_AS(moved_consumer.get(), iq::Closed);
  CHECK_THROWS_AS(moved_consumer.try_get(), iq::Closed);

  auto moved_queue = std::move(queue);
  CHECK_THROWS_AS(queue.get_producer(), iq::Closed);
  CHECK_THROWS_AS(queue.size(), iq::Closed);
  CHECK(moved_queue.producers() == 1);
}
