// Runs of the tool iq, and queues with processes for it to look at.
#pragma once

#include <unistd.h>

#include <string>
#include <vector>

#include "iq/iq.hpp"
#include "process/examples_programs.hpp"
#include "queue/named.hpp"

namespace iqtest {

struct Run {
  int code = -1;
  std::string out;
  std::string err;
};

/// Runs `iq` with these words, its output in files.
inline Run iq_tool(std::vector<std::string> words) {
  words.insert(words.begin(), IQ_TOOL);
  Program program(words);
  const Exit exit = program.wait();
  return {exit.code, program.out(), program.err()};
}

/// A process that has an item of the queue in hand until it is killed.
template <class T = int>
Child holder_of(const std::string& name, Gate& ready) {
  return spawn([&] {
    iq::IterableQueue<T> queue(iq::open_only, name);
    auto consumer = queue.get_consumer();
    require(consumer.get_for(std::chrono::seconds(5)).has_value(), "an item comes");
    ready.post();
    for (;;) ::pause();
  });
}

/// The first line of `text` that has `part`; empty when none has.
inline std::string line_with(const std::string& text, const std::string& part) {
  for (const std::string& line : lines_of(text)) {
    if (has(line, part)) return line;
  }
  return {};
}

}  // namespace iqtest
