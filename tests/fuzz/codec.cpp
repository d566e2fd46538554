// Fuzz target: bytes that no encoder wrote, decoded as each type of the codec's tests and as views.
// They are an item, which then survives a round, or iq::Corrupt. What views show is read once.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "codec/items.hpp"
#include "iq/bytes.hpp"
#include "iq/views.hpp"

namespace {

struct Seen {
  char kind = 0;
  iq::TextView text;
  iq::ArrayView<double> values;
  std::vector<iq::TextView> tags;
  std::optional<iq::ArrayView<items::Point>> path;
  std::map<iq::TextView, short> counts;
};

template <class T>
void decode(const std::vector<std::byte>& bytes) {
  try {
    const T item = items::decode<T>(bytes);
    (void)items::decode<T>(items::encode(item));
    using Payload = iq::detail::Payload<T>;
    std::optional<typename Payload::Held> held(Payload::hold(bytes));
    Payload::hold(bytes, held);  // into what is there
  } catch (const iq::Corrupt&) {
  }
}

template <class... T>
constexpr auto decoders() {
  return std::array{&decode<T>...};
}
constexpr auto kDecoders =
    decoders<IQ_TEST_ITEMS, iq::Bytes, iq::TextView, iq::ArrayView<std::uint32_t>,
             iq::ArrayView<items::Point>, Seen>();

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto* first = reinterpret_cast<const std::byte*>(data) + 1;
  // A copy of exactly this size, so that a byte too many is seen.
  const std::vector<std::byte> bytes(first, first + size - 1);
  kDecoders[data[0] % kDecoders.size()](bytes);
  return 0;
}
