// The story of one item, for the text of a failure.
#include <sstream>

#include "stress/verdict.hpp"

namespace storm {

std::string story_of(std::span<const Event> history, std::uint32_t item) {
  const auto word = [](Kind kind) {
    switch (kind) {
      case Kind::drew: return "drawn";
      case Kind::returned: return "returned";
      case Kind::delivered: return "delivered";
      case Kind::finishing: return "finished";
      case Kind::acknowledged: return "acknowledged";
      case Kind::giving_back: return "given back";
      case Kind::parked: return "parked";
      case Kind::torn: return "torn";
      default: return static_cast<const char*>(nullptr);  // not about an item
    }
  };
  std::ostringstream out;
  for (std::size_t at = 0; at < history.size(); ++at) {
    const Event& event = history[at];
    const bool meant =
        event.kind == Kind::drew ? item - event.item < event.tag : event.item == item;
    if (word(event.kind) == nullptr || !meant) continue;
    out << "    " << at << ' ' << word(event.kind) << ", life " << event.who << ", session "
        << event.session << ", deliveries " << static_cast<unsigned>(event.deliveries) << ", tag "
        << event.tag << '\n';
  }
  return out.str();
}

}  // namespace storm
