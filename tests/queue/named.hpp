// Names of queues in tests, and what an error says.
#pragma once

#include <unistd.h>

#include <string>

#include "support/process.hpp"

namespace iqtest {

inline std::string path_of(const std::string& name) { return "/dev/shm/iq." + name; }
inline bool exists(const std::string& name) { return ::access(path_of(name).c_str(), F_OK) == 0; }

/// A name of its own; removed when the case ends, however it ends.
struct Name {
  std::string text = temp_name("named");
  ~Name() { ::unlink(path_of(text).c_str()); }
  operator const std::string&() const { return text; }
};

/// The text of the E that f throws.
template <class E, class F>
std::string text_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace iqtest
