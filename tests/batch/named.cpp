// Functions and contexts that programs find by name: nothing is inherited here.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "batch/book.hpp"
#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/error.hpp"
#include "iq/task.hpp"
#include "iq/worker_group.hpp"
#include "support/process.hpp"

using namespace batches;
using namespace std::chrono_literals;

namespace {

/// Children that are forked before the function is made: what they know of it, they have by name.
struct Strangers {
  iqtest::Flag made;
  std::vector<iqtest::Child> children;

  template <class F>
  void start(int count, F use) {
    for (int id = 0; id < count; ++id) {
      children.push_back(iqtest::spawn([this, use, id] {
        made.wait();
        use(id);
      }));
    }
  }
  bool all_ok() {
    bool ok = true;
    for (iqtest::Child& child : children) ok &= child.wait().ok();
    return ok;
  }
};

}  // namespace

TEST_CASE("named: strangers call a function by its name, each gets its own result") {
  const std::string name = iqtest::temp_name("load");
  Books book;
  Strangers strangers;
  strangers.start(4, [&](int id) {
    iq::batched<int(int)> f{iq::open_only, name};
    for (int i = 0; i < 20; ++i) iqtest::require(f(100 * id + i) == 100 * id + i + 1, "its own");
  });
  iq::batched<int(int)> f{iq::create_only, name, noting(book)};
  strangers.made.set();
  CHECK(strangers.all_ok());
  CHECK(book->calls == 80);
}

TEST_CASE("named: strangers in a context of one name are one batch; max_size is the maker's") {
  const std::string name = iqtest::temp_name("load");
  Books book;
  iqtest::Gate joined;
  iqtest::Flag go;
  Strangers strangers;
  strangers.start(4, [&](int id) {
    iq::batched<int(int)> f{iq::open_only, name};
    const iq::BatchContext context("import");
    joined.post();
    go.wait();  // running: the others' calls wait for this one's
    iqtest::require(f(id) == id + 1, "its own");
    std::vector<iq::Future<int>> futures;
    for (int i = 0; i < 150; ++i) futures.push_back(f.async(i));
    iqtest::require(iq::pget(futures).size() == 150, "all of them");
  });
  iq::batched<int(int)> f{iq::create_only, name, noting(book), {.max_size = 100}};
  strangers.made.set();
  for (int i = 0; i < 4; ++i) joined.wait();
  go.set();
  CHECK(strangers.all_ok());
  CHECK(book->sizes[0] == 4);
  CHECK(book->calls == 604);
  CHECK(book->batches == 7);
}

TEST_CASE(
    "named: a context that is older than the function in its process is shared all the same") {
  const std::string name = iqtest::temp_name("load");
  Books book;
  iqtest::Gate joined;
  iqtest::Flag go;
  Strangers strangers;
  strangers.start(4, [&](int id) {
    const iq::BatchContext context("import");
    iq::batched<int(int)> f{iq::open_only, name};
    joined.post();
    go.wait();
    iqtest::require(f(id) == id + 1, "its own");
  });
  iq::batched<int(int)> f{iq::create_only, name, noting(book)};
  strangers.made.set();
  for (int i = 0; i < 4; ++i) joined.wait();
  go.set();
  CHECK(strangers.all_ok());
  CHECK(book->batches == 1);
  CHECK(book->sizes[0] == 4);
}

TEST_CASE("named: two threads of one process meet in a context of that name") {
  Books book;
  iq::batched<int(int)> f{noting(book)};
  iqtest::Gate joined;
  iqtest::Flag go;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < 2; ++id) {
    threads.emplace_back([&, id] {
      right += f(id) == id + 1;  // outside any: each by itself
      const iq::BatchContext context("together");
      joined.post();
      go.wait();
      for (int round = 0; round < 10; ++round) right += f(10 * round + id) == 10 * round + id + 1;
    });
  }
  joined.wait();
  joined.wait();
  go.set();
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 22);
  CHECK(book->batches == 12);
}

// Whoever waits last forms batches; for a function that it does not know it asks a caller who does.
TEST_CASE(
    "named: a caller that blocks may be asked 600 times to form a batch, and holds up nobody") {
  const std::string known = iqtest::temp_name("known");
  const std::string unknown = iqtest::temp_name("unknown");
  Books book;
  iqtest::Gate joined;
  iqtest::Gate blocks;
  iqtest::Gate done;
  Strangers strangers;
  strangers.start(2, [&](int id) {
    iq::batched<int(int)> f{iq::open_only, id == 0 ? known : unknown};
    const iq::BatchContext context("import");
    if (id == 0) {
      joined.post();
      blocks.wait();
      for (int i = 0; i < 600; ++i) iqtest::require(f(i) == i + 1, "its own");
      done.post();
    } else {
      joined.wait();
      const iq::Future<int> pending = f.async(1);
      {
        const iq::may_block elsewhere;
        blocks.post();
        done.wait();
      }
      iqtest::require(pending.get() == 2, "once it does not block any more");
    }
  });
  iq::batched<int(int)> first{iq::create_only, known, noting(book)};
  iq::batched<int(int)> second{iq::create_only, unknown, noting(book)};
  strangers.made.set();
  CHECK(strangers.all_ok());
  CHECK(book->calls == 601);
}

TEST_CASE("named: another type is refused with both") {
  const std::string name = iqtest::temp_name("load");
  Books book;
  Strangers strangers;
  strangers.start(1, [&](int) {
    std::string text;
    try {
      iq::batched<std::string(int)> f{iq::open_only, name};
    } catch (const iq::WrongType& error) {
      text = error.what();
    }
    iqtest::require(text.find(name) != std::string::npos, "which: " + text);
    iqtest::require(text.find("`int(int)`") != std::string::npos, "the function's: " + text);
    iqtest::require(text.find("`std::string(int)`") != std::string::npos, "ours: " + text);
  });
  iq::batched<int(int)> f{iq::create_only, name, noting(book)};
  strangers.made.set();
  CHECK(strangers.all_ok());
}

TEST_CASE(
    "named: no function of that name is NotFound, a second one NameInUse, and the name ends") {
  const std::string name = iqtest::temp_name("load");
  Books book;
  CHECK_THROWS_AS((iq::batched<int(int)>{iq::open_only, name}), iq::NotFound);
  for (int i = 0; i < 2; ++i) {
    iq::batched<int(int)> f{iq::create_only, name, noting(book)};
    CHECK_THROWS_AS((iq::batched<int(int)>{iq::create_only, name, noting(book)}), iq::NameInUse);
    iq::batched<int(int)> again{iq::open_only, name};
    CHECK(again(1) == 2);
    CHECK(again.server_pids().empty());
  }
  CHECK_THROWS_AS((iq::batched<int(int)>{iq::open_only, name}), iq::NotFound);
}

TEST_CASE("named: errors of names advise what can be done with functions, not with queues") {
  const std::string name = iqtest::temp_name("load");
  const auto text_of = [](auto&& make) -> std::string {
    try {
      make();
    } catch (const iq::Error& error) {
      return error.what();
    }
    return "no error";
  };
  const auto open = [&] { iq::batched<int(int)>{iq::open_only, name}; };
  const std::string absent = text_of(open);
  CHECK(absent.find("batched function \"" + name + "\"") != std::string::npos);
  CHECK(absent.find("iq::create_only, \"" + name + "\", function") != std::string::npos);
  CHECK(absent.find("open_or_create") == std::string::npos);
  Books book;
  const auto make = [&] { iq::batched<int(int)>{iq::create_only, name, noting(book)}; };
  {
    const iq::IterableQueue<int> queue{iq::create_only, name};
    CHECK(text_of(make).find("iq::open_only; if its program was killed, iq rm " + name) !=
          std::string::npos);
    CHECK(text_of(make).find("open_or_create") == std::string::npos);
    CHECK(text_of(open).find("which no function serves. iq stat " + name) != std::string::npos);
  }
  iq::remove(name);
}

TEST_CASE("named: a queue that nobody serves is told, not waited for") {
  const std::string name = iqtest::temp_name("load");
  iq::IterableQueue<iq::Bytes> queue{iq::create_only, name};
  std::string text;
  try {
    iq::batched<int(int)>{iq::open_only, name};
  } catch (const iq::ServerDied& error) {
    text = error.what();
  }
  CHECK(text.starts_with("cannot open batched function \"" + name + "\": nobody serves it"));
  iq::remove(name);
}

TEST_CASE("named: when the maker is killed, strangers are told") {
  const std::string name = iqtest::temp_name("load");
  iqtest::Gate began;
  iqtest::Gate never;
  Strangers strangers;
  strangers.start(1, [&](int) {
    iq::batched<int(int)> f{iq::open_only, name};
    try {
      f(1);
    } catch (const iq::ServerDied&) {
      return;
    }
    iqtest::require(false, "told");
  });
  iqtest::Child maker = iqtest::spawn([&] {
    iq::batched<int(int)> f{iq::create_only, name, [&](std::span<const int>) {
                              began.post();
                              never.wait(100);
                              return std::vector<int>{1};
                            }};
    strangers.made.set();
    never.wait(100);
  });
  began.wait();
  maker.kill_and_wait();
  CHECK(strangers.all_ok());
  CHECK(iqtest::reap_orphans());
  iq::remove(name);
}
