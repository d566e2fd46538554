// A POSIX message queue: the kernel copies in and out. It blocks by itself and knows no end: the
// last producer sends every consumer an item that says so.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "peers/descriptors.hpp"
#include "trips.hpp"

namespace bench {
namespace {

inline constexpr Tag kEnd = 0;                 // no item has this tag
inline constexpr std::size_t kLargest = 8192;  // what Linux allows unless told otherwise

template <std::size_t kBytes>
class PosixMq {
 public:
  using Item = bench::Item<kBytes>;
  static_assert(kBytes <= kLargest);
  static constexpr Parties kParties = Parties::processes;
  static constexpr std::size_t kBatch = 1;

  explicit PosixMq(Shape shape) : consumers_(shape.consumers), queue_(open()) {}
  PosixMq(const PosixMq&) = delete;
  PosixMq& operator=(const PosixMq&) = delete;
  ~PosixMq() { ::mq_close(queue_); }
  void attached() {}

  struct Producer {
    mqd_t queue;
    bool put(std::span<const Item, 1> item) {
      send(queue, item.front());
      return true;
    }
  };
  struct Consumer {
    mqd_t queue;
    template <class Visit>
    [[gnu::always_inline]] void drain(Visit visit, const Arena&) {
      Item item;
      for (;;) {
        const ssize_t got =
            ::mq_receive(queue, reinterpret_cast<char*>(&item), sizeof item, nullptr);
        if (got != static_cast<ssize_t>(sizeof item)) fail_call("mq_receive");
        if (item.tag() == kEnd) return;
        visit(std::as_const(item));
      }
    }
  };
  Producer producer(int) const { return {queue_}; }
  Consumer consumer(int) const { return {queue_}; }
  void finish() {
    const Item end{};
    for (int i = 0; i < consumers_; ++i) send(queue_, end);
  }
  std::uint64_t take_overs() const { return 0; }

 private:
  static void send(mqd_t queue, const Item& item) {
    if (::mq_send(queue, reinterpret_cast<const char*>(&item), sizeof item, 0) != 0) {
      fail_call("mq_send");
    }
  }
  // As many messages as this user may have: 10 unless an administrator allowed more.
  static mqd_t open() {
    const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_MSGQUEUE, &unlimited);
    const std::string name = "/iq-bench-" + std::to_string(getpid());
    for (long messages = static_cast<long>(slots_for(kBytes, 1'024));; messages /= 2) {
      mq_attr wish{};
      wish.mq_maxmsg = std::max(messages, 10L);
      wish.mq_msgsize = sizeof(Item);
      const mqd_t queue =
          ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &wish);
      if (queue >= 0) {
        ::mq_unlink(name.c_str());
        return queue;
      }
      if (messages <= 10) fail_call("mq_open");
    }
  }

  int consumers_;
  mqd_t queue_;
};

}  // namespace

void add_posix_mq(Entries& entries) {
  for_each_size<kLargest>(
      [&]<std::size_t kBytes>() { entries.push_back(entry<PosixMq<kBytes>>("posix-mq")); });
  for_each(VariableSizes{}, [&]<std::size_t kBytes>() {
    entries.push_back(entry<PosixMq<kBytes>>("posix-mq", "variable"));
  });
  add_sleeping<PosixMq<kTripBytes>>(entries, "posix-mq");
}

}  // namespace bench
