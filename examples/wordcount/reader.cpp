#include "reader.hpp"

namespace wordcount {
namespace {

constexpr std::size_t kPartBytes = 128 * 1024;

}  // namespace

// The name in hand is acknowledged when the loop asks for the next one, after all of its parts were
// put. Whoever is killed before that has its file read again by another worker, whole.
void read_files(iq::Consumer<std::string>& files, iq::Producer<Result>& results) {
  WordCounter counter;
  for (const std::string& path : files) {
    Result result{Part{}};
    Part& part = std::get<Part>(result);
    part.file = files.item_id();
    part.delivery = files.deliveries();
    std::uint32_t put_before = 0;
    const FileRead read = read_file(path, counter, [&] {
      if (counter.bytes() < kPartBytes) return;
      part.words = counter.take();
      results.put(result);
      ++put_before;
    });
    part.words = counter.take();
    part.parts = put_before + 1;
    part.bytes = read.bytes;
    if (!read.error.empty()) part.error = path + ": " + read.error;
    results.put(result);
  }
}

}  // namespace wordcount
