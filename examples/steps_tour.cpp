// Tables of steps: each way to feed one and to run it, and what comes out.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <iq/iq.hpp>

namespace {

using std::views::iota;

struct Image {
  std::string url;
  std::vector<int> pixels;
};

// Four processes do this. Each opens its connection once.
class DownloadImage {
 public:
  void worker_initialize() { connection_ = ::getpid(); }
  Image process(const std::string& url) const {
    if (connection_ != ::getpid()) throw std::logic_error("no connection");
    if (url.empty()) throw iq::SkipEntry{};
    ::usleep(1'000);
    return {url, std::vector<int>(100, static_cast<int>(url.size()))};
  }

 private:
  int connection_ = 0;
};

// One process does this, and what it has to say it says at its end.
class StoreDatabase {
 public:
  void step_initialize() { std::printf("  the database is there\n"); }
  void process(const Image& image) { pixels_ += image.pixels.size(); }
  void worker_shutdown() const { std::printf("  %zu pixels stored\n", pixels_); }
  void step_shutdown() { std::printf("  the database is closed\n"); }

 private:
  std::size_t pixels_ = 0;
};

struct PingHost {
  std::string process(const std::string& host) const { return host + " is up"; }
};

std::string url_of(int i) { return "http://example.org/" + std::to_string(i); }

// Put in everything at once. It is in this process's memory until the steps take it.
void all_at_once() {
  std::printf("all at once:\n");
  const std::vector<std::string> list_of_urls{url_of(1), url_of(2), ""};
  iq::Steps pipeline{iq::step<DownloadImage>(4), iq::step<StoreDatabase>(1)};
  pipeline.put(url_of(0));
  pipeline.put_all(list_of_urls);
  pipeline.finish();
  pipeline.run();  // returns when everything is done
  std::printf("  %d entries\n", static_cast<int>(pipeline.count()));
}

// Pulled in as the steps take, by a process of its own.
void streaming() {
  auto generator_of_urls = iota(0, 100) | std::views::transform(url_of);
  iq::Steps pipeline{iq::step<DownloadImage>(4),
                     iq::funcstep([](const Image& image) { return image.url.size(); })};
  pipeline.put_iterable(generator_of_urls);
  std::size_t bytes = 0;
  for (const std::size_t size : pipeline.results()) bytes += size;
  std::printf("streaming: %zu bytes of names\n", bytes);
}

// In the background, while this process does something else.
void in_background() {
  const auto some_stuff = iota(0, 50);
  int entries = 0;
  {
    iq::Steps pipeline{iq::funcstep(url_of, 2), iq::step<DownloadImage>(4)};
    pipeline.put_iterable(some_stuff);
    {
      const auto running = pipeline.in_background();
      ::usleep(10'000);
    }  // everything was processed here, without an error
    entries += static_cast<int>(pipeline.count());
  }
  {
    iq::Steps pipeline{iq::funcstep(url_of, 2), iq::step<DownloadImage>(4)};
    pipeline.put_iterable(some_stuff);
    pipeline.start();
    ::usleep(10'000);
    if (pipeline.alive() || pipeline.ok()) std::printf("in the background: I feel fine!\n");
    pipeline.stop();
    entries += static_cast<int>(pipeline.count());
  }
  std::printf("in the background: %d entries\n", entries);
}

// Fed by others while it runs, through a queue. It ends when somebody stops it.
void input_queue() {
  iq::IterableQueue<std::string> my_queue;
  iq::Steps pipeline{iq::step<PingHost>(16)};
  pipeline.take_from(my_queue);
  iq::WorkerGroup feeders;
  {
    const auto running = pipeline.in_background();
    feeders.fork(
        3,
        [](iq::Producer<std::string>& hosts, int feeder) {
          for (int i = 0; i < 10; ++i) hosts.put("host " + std::to_string(10 * feeder + i));
        },
        my_queue);
    feeders.join();
    while (pipeline.count() < 30 && pipeline.alive()) ::usleep(1'000);
    pipeline.stop();
  }
  int up = 0;
  for (const std::string& answer : pipeline.results()) up += answer.ends_with(" is up") ? 1 : 0;
  std::printf("input queue: %d hosts are up\n", up);
}

// Entries in chunks, for what is cheaper done by the hundred.
void chunks() {
  iq::Steps pipeline{iq::funcstep([](int x) { return x * x; }, 2), iq::chunk(100),
                     iq::funcstep([](const std::vector<int>& rows) {
                       return static_cast<int>(rows.size());  // one statement for all of them
                     }),
                     iq::funcstep([](int rows) { return rows; })};
  pipeline.put_iterable(iota(0, 250));
  std::printf("chunks:");
  for (const int rows : pipeline.results()) std::printf(" %d", rows);
  std::printf("\n");
}

// What fails is tried again, then dropped, or it ends everything and is told.
void errors() {
  const auto fail_at_5 = [](int x) {
    if (x == 5) throw std::invalid_argument("five");
    return x;
  };
  iq::Steps patient{iq::funcstep(fail_at_5, {.workers = 2, .retries = 1, .on_error = iq::ignore})};
  patient.put_iterable(iota(0, 10));
  patient.run();
  std::printf("errors: %d done, %d dropped, after %d more tries\n",
              static_cast<int>(patient.count()), static_cast<int>(patient.dropped()),
              static_cast<int>(patient.retried()));
  iq::Steps strict{iq::funcstep(fail_at_5, {.name = "strict"})};
  strict.put_iterable(iota(0));  // though there is no end of it
  try {
    strict.run();
  } catch (const iq::PipelineFailed& failed) {
    std::printf("errors: %s: %s\n", failed.stage_name().c_str(), failed.exception_text().c_str());
  }
}

// A daemon is not waited for: what it has not done when its owner ends is lost.
void daemon() {
  iq::Steps pipeline{iq::StepsOptions{.daemon = true},
                     iq::funcstep([](int seconds) { ::sleep(static_cast<unsigned>(seconds)); })};
  pipeline.put_iterable(iota(1'000));
  pipeline.start();
  std::printf("daemon: left behind\n");
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // workers write to it, too
  try {
    all_at_once();
    streaming();
    in_background();
    input_queue();
    chunks();
    errors();
    daemon();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "steps_tour: %s\n", error.what());
    return 1;
  }
}
