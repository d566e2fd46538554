// The message of a broken invariant. Built in a buffer on the stack and written at once: the heap
// may be what is broken, and several processes may write at the same time.
#include "base/check.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace iq::detail {
namespace {

class Line {
 public:
  __attribute__((format(printf, 2, 3))) void add(const char* format, ...) noexcept {
    std::va_list values;
    va_start(values, format);
    const int more = std::vsnprintf(text_ + used_, sizeof text_ - used_, format, values);
    va_end(values);
    if (more > 0) used_ = std::min(used_ + static_cast<std::size_t>(more), sizeof text_ - 1);
  }
  void write() const noexcept {
    std::fwrite(text_, 1, used_, stderr);
    std::fflush(stderr);
  }

 private:
  char text_[1024] = "";
  std::size_t used_ = 0;
};

/// The end of the first name in a list as the preprocessor wrote it: a comma outside brackets.
const char* end_of_name(const char* names) noexcept {
  int depth = 0;
  for (; *names != '\0'; ++names) {
    if (*names == '(' || *names == '[' || *names == '{') ++depth;
    if (*names == ')' || *names == ']' || *names == '}') --depth;
    if (*names == ',' && depth == 0) break;
  }
  return names;
}

}  // namespace

void check_failed(const char* file, int line, const char* condition, const char* names,
                  std::initializer_list<CheckValue> values) noexcept {
  Line text;
  text.add("%s:%d: broken invariant: %s", file, line, condition);
  const char* separator = " (";
  for (const CheckValue& value : values) {
    while (*names == ' ') ++names;
    const char* end = end_of_name(names);
    text.add("%s%.*s = ", separator, static_cast<int>(end - names), names);
    if (value.kind == CheckValue::kSigned) {
      text.add("%lld", static_cast<long long>(value.bits));
    } else if (value.kind == CheckValue::kUnsigned) {
      text.add("%llu", value.bits);
    } else {
      text.add("0x%llx", value.bits);
    }
    names = *end == ',' ? end + 1 : end;
    separator = ", ";
  }
  text.add(values.size() > 0 ? ")\n" : "\n");
  text.write();
  std::abort();
}

}  // namespace iq::detail
