// wordcount DIR -j N: one process walks the tree, N read and count, one adds up.
//
//   walk ──▶ queue of file names ──▶ N × read_files ──▶ queue of results ──▶ add_up
//
// Nobody tells anybody that the work is over: when the walker returns and the names are used up,
// the readers' loops end; when the last reader returns, the adder's loop ends.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <variant>

#include <iq/iq.hpp>

#include "wordcount/adder.hpp"
#include "wordcount/chaos.hpp"
#include "wordcount/options.hpp"
#include "wordcount/progress.hpp"
#include "wordcount/reader.hpp"
#include "wordcount/table.hpp"
#include "wordcount/walk.hpp"
#include "wordcount/words.hpp"

namespace wordcount {
namespace {

using Clock = std::chrono::steady_clock;

void walk_tree(iq::Producer<std::string>& files, iq::Producer<Result>& results,
               const std::string& directory) {
  Walked walked;
  walk(
      directory,
      [&](const std::string& path) {
        files.put(path);
        ++walked.files;
      },
      [&](const std::string& what) { results.put(UnreadableDirectory{what}); });
  results.put(walked);
}

void finish(Table& table, const Options& options, Clock::time_point started) {
  if (!options.output_file.empty()) table.write(options.output_file);
  table.print();
  const std::chrono::duration<double> elapsed = Clock::now() - started;
  std::printf("elapsed     %.2f s\n", elapsed.count());
  if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write the result to stdout");
}

void add_up(iq::Consumer<Result>& results, const Options& options, Clock::time_point started) {
  Adder adder;
  Progress progress;
  for (const Result& result : results) {
    std::visit([&](const auto& one) { adder.take(one); }, result);
    progress.show(adder.done(), adder.files().value_or(0), adder.table().bytes());
  }
  progress.clear();
  if (!adder.files()) throw std::runtime_error("the walk was not finished, so nothing is counted");
  if (!adder.complete()) {
    throw std::runtime_error(std::to_string(*adder.files() - adder.done()) + " of " +
                             std::to_string(*adder.files()) +
                             " files were not counted: their readers died");
  }
  finish(adder.table(), options, started);
}

void name_parked(const iq::IterableQueue<std::string>& files) {
  for (const auto& parked : files.parked()) {
    std::fprintf(stderr, "wordcount: gave up on %s after %u attempts\n", parked.item.c_str(),
                 parked.deliveries);
  }
}

void count_with_workers(const Options& options, Clock::time_point started) {
  iq::IterableQueue<std::string> files{{.max_deliveries = 14}};  // the most: for --kill-every
  // The adder knows how many files there are, and need not be told that a reader was killed.
  iq::IterableQueue<Result> results{{.on_producer_death = iq::OnProducerDeath::end}};
  iq::WorkerGroup crew;
  crew.fork(1, walk_tree, files, results, options.directory);
  crew.fork(1, add_up, results, options, started);
  int killed = 0;
  if (options.kill_every_ms == 0) {
    crew.fork(options.workers, read_files, files, results);
    files.close();
    results.close();
  } else {
    killed = read_under_fire(files, results, options.workers,
                             std::chrono::milliseconds(options.kill_every_ms));
  }
  try {
    crew.join();
  } catch (...) {
    name_parked(files);
    throw;
  }
  if (options.kill_every_ms != 0) std::fprintf(stderr, "wordcount: killed %d workers\n", killed);
}

void count_alone(const Options& options, Clock::time_point started) {
  Table table;
  Progress progress;
  WordCounter counter;
  const auto unreadable = [&](const std::string& what) { table.add_unreadable(what); };
  const auto count = [&](const std::string& path) {
    const FileRead read = read_file(path, counter, [] {});
    const Counts words = counter.take();
    if (!read.error.empty()) return unreadable(path + ": " + read.error);
    table.add_file(read.bytes, words);
    progress.show(table.files(), 0, table.bytes());
  };
  walk(options.directory, count, unreadable);
  progress.clear();
  finish(table, options, started);
}

void run(const Options& options) {
  const Clock::time_point started = Clock::now();
  const std::filesystem::directory_iterator root(options.directory);  // throws when it cannot
  if (options.sequential) {
    count_alone(options, started);
  } else {
    count_with_workers(options, started);
  }
}

}  // namespace
}  // namespace wordcount

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto options = wordcount::parse_options(argc, argv, exit_code);
  if (!options) return exit_code;
  try {
    wordcount::run(*options);
  } catch (const std::filesystem::filesystem_error& error) {
    std::fprintf(stderr, "wordcount: cannot read %s: %s\n", options->directory.c_str(),
                 error.code().message().c_str());
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "wordcount: %s\n", error.what());
    return 1;
  }
}
