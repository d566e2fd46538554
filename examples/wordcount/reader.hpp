// The worker between the two queues: file names in, counted words out.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include <iq/iq.hpp>

#include "words.hpp"

namespace wordcount {

/// What was counted in one file, or in a piece of it: large counts go in several parts, since an
/// item has to fit into a producer's payload memory.
struct Part {
  std::uint64_t file = 0;      ///< the item id of its name
  std::uint32_t delivery = 0;  ///< how often that name had been handed out
  std::uint32_t parts = 0;     ///< in all; only the last part knows, the others say 0
  std::uint64_t bytes = 0;     ///< of the whole file; in the last part
  std::string error;           ///< `path: reason` when it could not be read; in the last part
  Counts words;
};

/// A directory that could not be looked into, as `path: reason`.
struct UnreadableDirectory {
  std::string what;
};

/// How many names there were. The walker's last word.
struct Walked {
  std::uint64_t files = 0;
};

using Result = std::variant<Part, UnreadableDirectory, Walked>;

void read_files(iq::Consumer<std::string>& files, iq::Producer<Result>& results);

}  // namespace wordcount
