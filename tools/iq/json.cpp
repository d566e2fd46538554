// JSON, written piece by piece.
#include "json.hpp"

#include <fmt/format.h>

#include <cmath>

namespace tool {
namespace {

/// The length of the UTF-8 character that `text` begins with, 0 when it begins with none.
std::size_t character_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  // Too long for their value, halves of a pair, beyond the last character.
  const unsigned char second = at(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return bytes;
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const char c = text.front();
    if (bytes == 0) {
      quoted += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (bytes == 1 && (c < 0x20 || c == 0x7f)) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return quoted + '"';
}

void Json::key(std::string_view name) {
  put(json_string(name));
  text_ += ": ";
  after_key_ = true;
}

void Json::value(double number) {
  if (std::isfinite(number)) {
    put(fmt::format("{:.6g}", number));
  } else {
    null();
  }
}

void Json::begin(char bracket) {
  put(std::string_view(&bracket, 1));
  ++depth_;
  first_ = true;
}

void Json::end(char bracket) {
  --depth_;
  if (!first_) new_line();
  text_ += bracket;
  first_ = false;
}

void Json::put(std::string_view text) {
  if (!after_key_) {
    if (!first_) text_ += ',';
    if (depth_ != 0) new_line();
  }
  text_ += text;
  first_ = false;
  after_key_ = false;
}

void Json::new_line() {
  text_ += '\n';
  text_.append(static_cast<std::size_t>(depth_) * 2, ' ');
}

}  // namespace tool
