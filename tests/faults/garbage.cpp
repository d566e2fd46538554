// Garbage in any byte of a live segment: whoever uses the queue gets an error, a count or a
// time-out, and neither crashes, aborts nor goes round for ever. The seed of each round is shown
// when it fails; IQ_GARBAGE_SEED plays one again, IQ_GARBAGE_ROUNDS plays more.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "faults/stage.hpp"
#include "iq/inspect.hpp"
#include "shm/geometry.hpp"
#include "sys/shm_file.hpp"

using namespace faults;

namespace {

constexpr std::uint64_t kCapacity = 16;
constexpr double kRoundS = 15;
constexpr int kCalls = 80;      // of each user
constexpr int kScribbles = 12;  // spread over the users' calls

struct Part {
  std::uint64_t offset;
  std::uint64_t bytes;
};

/// Where words lie; each part is hit equally often, however large it is.
template <class T>
std::vector<Part> parts_of(const iq::detail::Segment& segment) {
  using namespace iq::detail;
  const Geometry& g = segment.geometry();
  std::vector<Part> parts{{0, sizeof(SegmentHeader)},
                          {g.control_offset, 1024},
                          {g.control_offset, sizeof(Control)},
                          {g.life_offset, 8 * 16},
                          {g.endpoints_offset, 16 * sizeof(EndpointLine)},
                          {g.extras_offset, 16 * sizeof(EndpointExtra)},
                          {g.parking_control_offset, sizeof(LaneControl)},
                          {g.parking_offset, 256},
                          {g.parking_offset + g.parking.slots_offset, 1024},
                          {g.parking_offset + g.parking.ring_offset, 1024}};
  for (std::uint64_t i = 0; i < segment.lanes_used(); ++i) {
    const std::uint64_t block = g.lanes_offset + i * g.lane.block_bytes;
    parts.push_back({g.lane_controls_offset + i * sizeof(LaneControl), sizeof(LaneControl)});
    parts.push_back({block, kCapacity * 8});
    parts.push_back({block + g.lane.slots_offset, kCapacity * g.lane.slot_bytes});
    if (g.lane.ring_bytes != 0) parts.push_back({block + g.lane.ring_offset, 512});
  }
  return parts;
}

/// A word's worth of bytes: noise, all ones, zeros, a small number, or the old ones with one bit
/// turned.
std::uint64_t garbage(std::uint64_t old, std::mt19937_64& random) {
  switch (random() % 6) {
    case 0: return random();
    case 1: return UINT64_MAX;
    case 2: return 0;
    case 3: return random() % 64;
    case 4: return old + random() % 64 - 32;
    default: return old ^ std::uint64_t{1} << random() % 64;
  }
}

template <class T>
void scribble(const iq::detail::Segment& segment, int file, std::mt19937_64& random) {
  const std::vector<Part> parts = parts_of<T>(segment);
  const Part part = parts[random() % parts.size()];
  const std::uint64_t place = part.offset + random() % (part.bytes / 8) * 8;
  std::uint64_t word = 0;
  if (::pread(file, &word, sizeof word, static_cast<off_t>(place)) != sizeof word) return;
  word = garbage(word, random);
  const std::uint64_t bytes = random() % 3 == 0 ? 1 + random() % 8 : 8;
  iqtest::require(::pwrite(file, &word, bytes, static_cast<off_t>(place)) >= 0, "scribbled");
}

/// One call of the public interface; errors of the library are welcome.
template <class T>
void use_once(iq::IterableQueue<T>& queue, std::optional<iq::Producer<T>>& producer,
              std::optional<iq::Consumer<T>>& consumer, std::mt19937_64& random) {
  try {
    switch (random() % 14) {
      case 0: producer.emplace(queue.get_producer()); break;
      case 1: consumer.emplace(queue.get_consumer()); break;
      case 2:
      case 3:
      case 4:
        if (producer) (void)producer->try_put(make<T>(static_cast<std::uint32_t>(random() % 99)));
        break;
      case 5:
        if (producer) (void)producer->put_for(make<T>(1), 8ms);
        break;
      case 6:
      case 7:
      case 8:
        if (consumer) (void)consumer->try_get();
        break;
      case 9:
        if (consumer) (void)consumer->get_for(8ms);
        break;
      case 10:
        if (consumer) consumer->give_back();
        break;
      case 11: (void)queue.stats(); break;
      case 12:
        if (random() % 2 == 0)
          (void)queue.parked();
        else
          (void)queue.requeue_parked();
        break;
      default: (void)iq::inspect(queue.name()); break;
    }
  } catch (const iq::Error&) {  // said, not suffered
  }
}

template <class T>
void use(const std::string& name, std::uint64_t seed, iqtest::SharedCounter& calls) {
  std::mt19937_64 random(seed);
  try {
    iq::IterableQueue<T> queue(iq::open_only, name);
    std::optional<iq::Producer<T>> producer;
    std::optional<iq::Consumer<T>> consumer;
    for (int i = 0; i < kCalls; ++i) {
      use_once<T>(queue, producer, consumer, random);
      ++*calls;
    }
  } catch (const iq::Error&) {
  }
}

/// Three processes use the queue while this one writes garbage into it; one of them is killed.
template <class T>
void one_round(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::string name = iqtest::temp_name("garbage");
  iqtest::SharedCounter calls = iqtest::shared_counter();
  std::vector<iqtest::Child> users;
  {
    iq::IterableQueue<T> queue(iq::create_only, name,
                               {.capacity = kCapacity, .bytes_per_producer = 4096});
    auto producer = queue.get_producer();
    for (std::uint32_t id = 0; id < 8; ++id) producer.put(make<T>(id));
    const auto spy = iq::detail::Segment::open_named(name);
    const int file = ::open(iq::detail::shm_path(name).c_str(), O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t own = random();
      users.push_back(iqtest::spawn([&, own] { use<T>(name, own, calls); }));
    }
    for (int i = 0; i < kScribbles; ++i) {
      const std::int64_t enough = (i + 1) * (3 * kCalls / kScribbles / 2);
      (void)iqtest::wait_until([&] { return *calls >= enough; }, 0.03);
      scribble<T>(*spy, file, random);
      if (i == kScribbles / 2) users[0].kill();
    }
    ::close(file);
    ::unlink(iq::detail::shm_path(name).c_str());
  }  // leaves, too, over the garbage
  for (iqtest::Child& user : users) {
    const iqtest::Exit exit = user.wait(kRoundS);
    iqtest::require(exit.ok() || (&user == users.data() && exit.signal == SIGKILL),
                    "a user ends by itself");
  }
}

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

template <class T>
void many_rounds(std::uint64_t rounds) {
  iqtest::limit_seconds(600);
  const std::uint64_t only = number_of("IQ_GARBAGE_SEED", 0);
  rounds = only != 0 ? 1 : number_of("IQ_GARBAGE_ROUNDS", rounds);
  std::uint64_t seed = only != 0 ? only : std::random_device()();
  for (std::uint64_t round = 0; round < rounds; ++round, ++seed) {
    iqtest::Child child = iqtest::spawn([&] { one_round<T>(seed); });
    bool ended = false;
    try {
      ended = child.wait(kRoundS + 5).ok();
    } catch (const std::exception& error) {
      std::cout << "  " << error.what() << "\n";
    }
    if (!ended) std::cout << "  play again with IQ_GARBAGE_SEED=" << seed << "\n";
    REQUIRE(ended);
  }
}

}  // namespace

TEST_CASE("Garbage: in random bytes of a live queue of texts: errors, no crash, no endless loop") {
  many_rounds<Text>(60);
}

TEST_CASE(
    "Garbage: in random bytes of a live queue of numbers: errors, no crash, no endless loop") {
  many_rounds<Fixed>(60);
}
