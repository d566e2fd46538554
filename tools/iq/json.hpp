// JSON, written piece by piece. Keys are ours; texts may hold anything.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace tool {

/// `text` as a JSON string with its quotes. What is not UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

/// One value after the other; commas and indentation are its business.
class Json {
 public:
  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }
  void key(std::string_view name);

  void value(std::string_view text) { put(json_string(text)); }
  void value(const char* text) { put(json_string(text)); }
  void value(bool yes) { put(yes ? "true" : "false"); }
  void value(double number);
  template <std::integral T>
  void value(T number) {
    put(std::to_string(number));
  }
  void null() { put("null"); }

  template <class T>
  void member(std::string_view name, const T& content) {
    key(name);
    value(content);
  }

  const std::string& text() const { return text_; }

 private:
  void begin(char bracket);
  void end(char bracket);
  void put(std::string_view text);
  void new_line();

  std::string text_;
  int depth_ = 0;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace tool
