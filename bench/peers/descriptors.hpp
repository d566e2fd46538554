// Two ends of something that the kernel keeps, for peers that are made of descriptors: who holds
// one end has closed the other, so that readers see the end once all writers have gone.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace bench {

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close(); }

  int number() const noexcept { return number_; }
  void close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  /// This end for the calling party, the other one closed: one process has one end.
  Descriptor take(Descriptor& other) noexcept {
    other.close();
    return std::move(*this);
  }

 private:
  int number_;
};

[[noreturn]] inline void fail_call(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

inline void write_all(int to, const void* bytes, std::size_t size) {
  const auto* at = static_cast<const char*>(bytes);
  while (size != 0) {
    const ssize_t written = ::write(to, at, size);
    if (written < 0) fail_call("write");
    at += written;
    size -= static_cast<std::size_t>(written);
  }
}

/// Reads what is there, at most `bytes`, and on to the end of an item of which a part was there.
/// Returns 0 at the end of the stream.
inline std::size_t read_items(int from, void* bytes, std::size_t size, std::size_t item_bytes) {
  auto* at = static_cast<char*>(bytes);
  std::size_t got = 0;
  for (;;) {
    const ssize_t more = ::read(from, at + got, got == 0 ? size : item_bytes - got % item_bytes);
    if (more < 0) fail_call("read");
    if (more == 0 && got != 0) throw std::runtime_error("the last item is cut off");
    got += static_cast<std::size_t>(more);
    if (got % item_bytes == 0) return got;
  }
}

}  // namespace bench
