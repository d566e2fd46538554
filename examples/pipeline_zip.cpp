// Compresses and checksums every file of a folder in N worker processes, and prints a line per file
// in the order of their names, whichever worker was ready first, and whoever was killed meanwhile.
//
//   pipeline_zip [--workers N] [--kill-every MS] PATH...      N = 0: no workers, one file after
//                                                             the other in this process
#include <signal.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <iq/iq.hpp>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Choice {
  int workers = 2;
  std::chrono::milliseconds kill_every{0};
  std::vector<std::string> paths;
};

struct Zipped {
  std::string path;
  std::uint64_t bytes = 0;
  std::uint64_t zipped_bytes = 0;
  std::uint32_t checksum = 0;         // of the file
  std::uint32_t zipped_checksum = 0;  // of what it was compressed to
  int pid = 0;                        // of the worker
};

std::uint32_t checksum_of(const std::string& bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// What a worker does with one file.
Zipped zip(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  uLongf size = ::compressBound(bytes.size());
  std::string zipped(size, '\0');
  const int answer = ::compress2(reinterpret_cast<Bytef*>(zipped.data()), &size,
                                 reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), 6);
  if (answer != Z_OK) throw std::runtime_error("cannot compress " + path);
  zipped.resize(size);
  return {path, bytes.size(), zipped.size(), checksum_of(bytes), checksum_of(zipped), ::getpid()};
}

std::vector<std::string> files_below(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (fs::is_regular_file(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

// Kills one of the workers that were heard of, now and then.
class Chaos {
 public:
  explicit Chaos(std::chrono::milliseconds pause) : pause_(pause), next_(Clock::now() + pause) {}
  void hear_of(int worker) {
    if (pause_.count() == 0) return;
    workers_.insert(worker);
    if (Clock::now() < next_) return;
    const auto victim =
        std::next(workers_.begin(), static_cast<std::ptrdiff_t>(random_() % workers_.size()));
    if (::kill(*victim, SIGKILL) == 0) ++killed_;
    workers_.erase(victim);
    next_ = Clock::now() + pause_;
  }
  int killed() const { return killed_; }

 private:
  std::chrono::milliseconds pause_;
  Clock::time_point next_;
  std::set<int> workers_;
  std::mt19937 random_{std::random_device{}()};
  int killed_ = 0;
};

void run(const Choice& choice) {
  const std::vector<std::string> files = files_below(choice.paths);
  auto zipped = iq::pipeline(choice.workers == 0 ? iq::inline_mode : iq::RunIn::processes)
                    .from(files)
                    .map(zip, {.workers = std::max(choice.workers, 1),
                               .ordered = true,
                               .name = "zip",
                               .restarts = 1'000'000,
                               .max_deliveries = 14});
  Chaos chaos(choice.workers == 0 ? std::chrono::milliseconds(0) : choice.kill_every);
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  for (const Zipped& file : zipped) {
    std::printf("%08x %10llu -> %08x %10llu  %s\n", file.checksum,
                static_cast<unsigned long long>(file.bytes), file.zipped_checksum,
                static_cast<unsigned long long>(file.zipped_bytes), file.path.c_str());
    before += file.bytes;
    after += file.zipped_bytes;
    chaos.hear_of(file.pid);
  }
  std::fprintf(stderr, "%zu files, %llu bytes, %llu compressed, %d workers killed\n", files.size(),
               static_cast<unsigned long long>(before), static_cast<unsigned long long>(after),
               chaos.killed());
}

Choice choice_of(const std::vector<std::string>& words) {
  Choice choice;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size();
    if (words[i] == "--workers" && has_value) {
      choice.workers = std::stoi(words[++i]);
    } else if (words[i] == "--kill-every" && has_value) {
      choice.kill_every = std::chrono::milliseconds(std::stoi(words[++i]));
    } else {
      choice.paths.push_back(words[i]);
    }
  }
  if (choice.paths.empty()) {
    throw std::invalid_argument("usage: pipeline_zip [--workers N] [--kill-every MS] PATH...");
  }
  return choice;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(choice_of({argv + 1, argv + argc}));
    return 0;
  } catch (const std::exception& error) {  // of a worker too: which one, at which file
    std::fprintf(stderr, "pipeline_zip: %s\n", error.what());
    return 1;
  }
}
