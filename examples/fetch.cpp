// Fetches pages with three processes and prints them with one: the introduction of paipa, against a
// web server that this program starts itself, on the loopback. Where the server answers 503, the
// fetcher tries again.
//
// fetch              the three pages of the introduction, and one that is missing
// fetch N            N pages
// fetch [N] --report the same, and how it is getting on, on stderr
#include <charconv>
#include <cstdio>
#include <exception>
#include <ranges>
#include <string>
#include <string_view>
#include <system_error>

#include <iq/iq.hpp>

#include "fetch/client.hpp"
#include "fetch/server.hpp"

namespace {

// The server is a worker like any other, and ends when it is asked to.
class RunningServer {
 public:
  RunningServer() {
    crew_.fork(1, [this] { server_.run(); });
    server_.leave();  // so that nobody waits for an answer when it is gone
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

// Of pages: 1 or more.
bool is_number(std::string_view word, int& number) {
  const auto [end, error] = std::from_chars(word.begin(), word.end(), number);
  return error == std::errc() && end == word.end() && number > 0;
}

}  // namespace

int main(int argc, char** argv) {
  int pages = 0;
  bool reports = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word(argv[i]);
    if (word == "--report") {
      reports = true;
    } else if (!is_number(word, pages)) {
      std::fprintf(stderr, "fetch: \"%s\" is no number of pages\nusage: fetch [N] [--report]\n",
                   argv[i]);
      return 2;
    }
  }
  try {
    fetch(pages, reports ? iq::report_to(stderr) : iq::Reporting());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fetch: %s\n", error.what());
    return 1;
  }
}
