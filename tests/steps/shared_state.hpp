// What an operation changes in shared memory, seen from outside: a copy to compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shm/segment.hpp"

namespace steps {

/// Watches the words of one segment, or of several. Of each: everything of the first endpoints and
/// lanes, which is more than an operation under test uses.
class SharedState {
 public:
  void watch(std::shared_ptr<iq::detail::Segment> segment);
  /// From the moment that somebody gives that name to a segment.
  void watch_name(std::string name) { names_.push_back(std::move(name)); }
  /// To be called after a system call: names may be there now.
  void look_for_names();

  /// What is there now is what the rest is compared with.
  void begin();
  /// Whether anything changed since the last call.
  bool changed();
  /// Tells apart which words differ from those at the beginning, whatever is in them: numbers of
  /// processes and times are never the same again.
  std::uint64_t pattern() const;

 private:
  struct Range {
    const std::byte* memory;
    std::vector<std::byte> copy;   ///< as last seen
    std::vector<std::byte> first;  ///< as it was at the beginning
  };
  void add_lane(const iq::detail::LaneView& lane);
  void add(const void* memory, std::size_t bytes);

  std::vector<std::shared_ptr<iq::detail::Segment>> segments_;
  std::vector<std::string> names_;
  std::vector<Range> ranges_;
};

}  // namespace steps
