// Fetches pages with three processes and prints them with one: the introduction of paipa, against a
// web server that this program starts itself, on the loopback. Where the server answers 503, the
// fetcher tries again.
//
// fetch            the three pages of the introduction
// fetch N          N pages
// fetch N --report how it is getting on, on stderr
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <ranges>
#include <string>
#include <string_view>

#include <iq/iq.hpp>

#include "fetch/client.hpp"
#include "fetch/server.hpp"

namespace {

// The server is a worker like any other, and ends when it is asked to.
class RunningServer {
 public:
  RunningServer() {
    crew_.fork(1, [this] { server_.run(); });
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;
  ~RunningServer() {
    try {
      get_page(url_of("quit"));
      crew_.join();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "fetch: the server: %s\n", error.what());
    }
  }
  std::string url_of(const std::string& name) const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + "/" + name;
  }

 private:
  PageServer server_;
  iq::WorkerGroup crew_;
};

Page download_url(const std::string& url) { return get_page(url); }

void process_response(const Page& page) {
  std::printf("== Fetched %s (%d) %s\n%s", page.url.c_str(), page.status,
              std::string(50, '=').c_str(), page.text.c_str());
  std::fflush(stdout);
}

void fetch(int pages, const iq::Reporting& report) {
  const RunningServer server;
  // One printer only, so that what it prints is readable.
  iq::Steps pipeline{
      iq::StepsOptions{.report = report},
      iq::funcstep(download_url, {.workers = 3, .retries = 5, .name = "download"}),
      iq::funcstep(process_response, {.workers = 1, .name = "print"}),
  };
  const auto url_of = [&](int n) { return server.url_of(std::to_string(n)); };
  if (pages == 0) {
    pipeline.put(url_of(2));
    pipeline.put(url_of(4));
    pipeline.put(url_of(6));
    pipeline.put(server.url_of("missing"));
    pipeline.finish();
  } else {
    pipeline.put_iterable(std::views::iota(0, pages) | std::views::transform(url_of));
  }
  pipeline.run();
  std::printf("%d pages, %d answers of 503 asked again\n", static_cast<int>(pipeline.count()),
              static_cast<int>(pipeline.retried()));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const bool reports = argc > 2 && argv[2] == std::string_view("--report");
    fetch(argc > 1 ? std::atoi(argv[1]) : 0, reports ? iq::report_to(stderr) : iq::Reporting());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fetch: %s\n", error.what());
    return 1;
  }
}
