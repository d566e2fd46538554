// Measures this queue beside others. docs/performance.md says how, and how to read it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "children.hpp"
#include "compare.hpp"
#include "measures.hpp"
#include "report.hpp"

namespace {

constexpr std::string_view kUsage =
    R"(usage: bench [--quick] [--json FILE] [--plot FILE.png|svg] [--measures] [--pairs N]
             [--slice-ms N] [--capacity N] [FILTER ...]
A FILTER is beginnings of names with commas between, e.g. `vyukov,moody 8B 1P1C,2P2C single`: a row
is run when each of them fits its peer, mode, size or shape. Without any, --quick leaves out rows.
--capacity gives our lanes N items instead of their default.
--plot draws them by gnuplot; what it draws is left in --json's FILE, or beside it.
--measures runs what is neither throughput nor round trip: ends after kills, attaching, memory ...
)";

struct Arguments {
  bench::Plan plan;
  std::string json;
  std::string plot;
  bool measures = false;
};

int number(std::string_view option, std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > 60'000) {
    throw std::invalid_argument(fmt::format("{} needs a number from 1 to 60000", option));
  }
  return value;
}

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&]() -> const std::string& {
      if (++i == words.size()) throw std::invalid_argument(word + " needs a value");
      return words[i];
    };
    if (word == "--quick") {
      arguments.plan.slice_ns = 20'000'000;
      arguments.plan.quick = true;
    } else if (word == "--json") {
      arguments.json = value();
    } else if (word == "--plot") {
      arguments.plot = value();
      if (!arguments.plot.ends_with(".png") && !arguments.plot.ends_with(".svg")) {
        throw std::invalid_argument("--plot needs the name of a .png or .svg");
      }
    } else if (word == "--measures") {
      arguments.measures = true;
    } else if (word == "--pairs") {
      arguments.plan.pairs = number(word, value());
    } else if (word == "--slice-ms") {
      arguments.plan.slice_ns = number(word, value()) * std::int64_t{1'000'000};
    } else if (word == "--capacity") {
      arguments.plan.capacity = static_cast<std::size_t>(number(word, value()));
    } else if (word.starts_with("-")) {
      throw std::invalid_argument("there is no option " + word);
    } else {
      arguments.plan.filters.push_back(word);
    }
  }
  if (arguments.json.empty() && !arguments.plot.empty()) arguments.json = arguments.plot + ".json";
  return arguments;
}

// The rest is the same for both kinds of results: a file, and 1 when something failed.
template <class Result>
int conclude(const Arguments& arguments, const std::vector<Result>& results) {
  if (!arguments.json.empty()) bench::write_json(arguments.json, results);
  if (results.empty()) {
    fmt::print(stderr,
               "bench: nothing fits these filters. A row has to fit each word, "
               "alternatives have commas between: vyukov,iq 4K copy\n");
    return 1;
  }
  const auto failed =
      std::ranges::count_if(results, [](const Result& result) { return !result.error.empty(); });
  if (failed != 0) fmt::print(stderr, "bench: {} of {} rows FAILED\n", failed, results.size());
  return failed == 0 ? 0 : 1;
}

void draw(const std::string& json, const std::string& picture) {
  bench::Children children;
  children.start([&] {
    ::execlp("python3", "python3", BENCH_FOLDER "/plot.py", json.c_str(), picture.c_str(), nullptr);
    throw std::runtime_error("there is no python3");
  });
  constexpr std::int64_t kBoundNs = 60'000'000'000;
  const std::string error = children.join(kBoundNs);
  if (!error.empty()) throw std::runtime_error("plot.py drew nothing: " + error);
}

int run(const Arguments& arguments) {
  bench::print_heading();
  if (arguments.measures) return conclude(arguments, bench::run_measures(arguments.plan));
  const bench::Entries entries = bench::all_entries();
  bench::print_table_heading(arguments.plan);
  const std::vector<bench::Row> rows = bench::run_plan(entries, arguments.plan);
  const int status = conclude(arguments, rows);
  if (!arguments.plot.empty() && !rows.empty()) draw(arguments.json, arguments.plot);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  try {
    arguments = parse({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n{}", error.what(), kUsage);
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 1;
  }
}
