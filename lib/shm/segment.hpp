// A mapped segment: its checked geometry, and typed access to the words in it.
//
// One object per queue and process image, shared by the queue object and its endpoints. A forked
// child uses the inherited mapping; its endpoints must be adopted (shm/attachment.hpp).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "iq/detail/lane_view.hpp"
#include "iq/detail/layout.hpp"
#include "shm/geometry.hpp"
#include "sys/fork_guard.hpp"
#include "sys/mapping.hpp"
#include "sys/pinned_lock.hpp"

namespace iq::detail {

/// Lock bytes lie past the end of every file: two per endpoint (owner, heir), then the others.
inline constexpr std::uint64_t kLockBase = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kParkingByte = kLockBase + 2 * kMaxEndpoints;
/// Held by nobody but who holds all endpoint bytes: it tells that one from an endpoint.
inline constexpr std::uint64_t kReplacerByte = kLockBase - 1;
constexpr std::uint64_t endpoint_byte(std::uint32_t endpoint) {
  return kLockBase + 2 * std::uint64_t{endpoint};
}

/// What became of an attempt to take a name away.
enum class Unlinked : unsigned char {
  yes,
  in_use,  ///< somebody is attached
  kept,    ///< nobody is, but the condition does not hold any more
  raced,   ///< somebody else is at it, or the name leads elsewhere by now: look again
};

class Segment {
 public:
  /// A new anonymous segment with the given constants (sizes, options, type; the rest is filled in
  /// here). Errors: NoSpace, BadArgument, SystemError.
  static std::shared_ptr<Segment> create_anonymous(SegmentHeader header);
  /// A new segment that has no name yet: link() gives it one. Errors: as above, NoPermission.
  static std::shared_ptr<Segment> create_named(SegmentHeader header, const std::string& name,
                                               std::uint32_t mode);
  /// The segment that has the name now; null when there is none.
  /// Errors: NoPermission, WrongVersion, Corrupt, SystemError.
  static std::shared_ptr<Segment> open_named(const std::string& name);
  /// A private copy of what can be seen of the segment in `file` from outside: all words, and of
  /// the lanes what counting needs. Nothing of the file is changed, no page of it added, and it may
  /// be cut short meanwhile. The file's locks can be probed through it.
  /// Errors: WrongVersion, Corrupt, NoSpace (address space), SystemError.
  static std::shared_ptr<Segment> photograph(Fd file, const std::string& name);
  /// Errors: WrongVersion, Corrupt: what opening the file would say of its header.
  static void require_openable(int fd, const std::string& name);
  /// The version of the format, whatever it is. Errors: Corrupt when there is no queue in the file.
  static std::uint32_t read_version(int fd, const std::string& name);
  /// The segment in an open file; `name` is empty for an anonymous one. Errors: as above.
  static std::shared_ptr<Segment> open_file(Fd file, const std::string& name);

  /// Gives the segment its name. False when the name is taken.
  bool link();
  /// Whether the name still leads to this segment.
  bool is_current() const;
  /// Every endpoint byte at once, which keeps newcomers out; empty while anybody is attached.
  std::optional<PinnedLock> lock_if_unattached() const;
  /// The same but for one endpoint, the caller's own: empty while anybody else is attached.
  std::optional<std::array<PinnedLock, 2>> lock_all_but(std::uint32_t endpoint) const;
  /// Removes the name, unless somebody is attached or the name leads elsewhere by now.
  Unlinked unlink_if_unattached() {
    return unlink_if_unattached([] { return true; });
  }
  /// The same only if `still` holds: asked while the bytes are held, so nobody can change it.
  Unlinked unlink_if_unattached(const std::function<bool()>& still);
  void unlink();

  /// Reserves and faults in a lane's pages. Errors: NoSpace "needs N, has M".
  void reserve_lane(std::uint32_t lane);
  bool reserve_parking() noexcept;
  /// Reserves where a relay's consumer names its output queue. Errors: NoSpace "needs N, has M".
  OutputName& reserve_output(std::uint32_t endpoint);

  /// The segment of that queue id, if this process has it mapped.
  static std::shared_ptr<Segment> find(const std::uint64_t (&id)[2]);

  const SegmentHeader& header() const noexcept { return header_; }
  const Geometry& geometry() const noexcept { return geometry_; }
  const LockFile& lock_file() const noexcept { return *lock_file_; }
  const std::string& name() const noexcept { return name_; }
  bool anonymous() const noexcept { return name_.empty(); }
  /// `queue "jobs"` or `an anonymous queue`, for messages.
  std::string description() const;

  Control& control() const noexcept { return *at<Control>(geometry_.control_offset); }
  Shared<std::uint64_t>& life(std::uint32_t endpoint) const noexcept {
    return at<Shared<std::uint64_t>>(geometry_.life_offset)[endpoint];
  }
  EndpointLine& endpoint(std::uint32_t endpoint) const noexcept {
    return at<EndpointLine>(geometry_.endpoints_offset)[endpoint];
  }
  EndpointExtra& extra(std::uint32_t endpoint) const noexcept {
    return at<EndpointExtra>(geometry_.extras_offset)[endpoint];
  }
  SleepWord& sleep_word(std::uint32_t endpoint) const noexcept {
    return at<SleepWord>(geometry_.sleep_offset)[endpoint];
  }
  OutputName& output(std::uint32_t endpoint) const noexcept {
    return at<OutputName>(geometry_.outputs_offset)[endpoint];
  }
  LaneView lane(std::uint32_t index) const noexcept;
  LaneView parking() const noexcept;

  /// Which consumer of this process holds items, and which thread it works for: so that a put of
  /// the same thread does not wait for its own caller. Private to this process, not in the segment.
  struct LocalConsumer {
    std::atomic<std::uint64_t> thread_tag{0};
    std::atomic<void*> consumer{nullptr};
  };
  LocalConsumer& local_consumer(std::uint32_t endpoint) const noexcept {
    return local_consumers_[endpoint];
  }

  /// Handles (queue objects) of this process image on the segment; a forked child has none.
  void count_own_handle(int by) noexcept {
    if (handles_generation_ != process_generation()) own_handles_ = 0;
    handles_generation_ = process_generation();
    own_handles_ += by;
    if (by > 0) forks_before_handle_ = forks_by_others();
  }
  /// Whether there is one, and no child has a copy of it that it could adopt.
  bool has_uncopied_handle() const noexcept {
    return handles_generation_ == process_generation() && own_handles_ > 0 &&
           forks_before_handle_ == forks_by_others();
  }

  /// Lanes and endpoints in use, each read once and kept within bounds.
  std::uint32_t lanes_used() const noexcept;
  std::uint32_t endpoints_used() const noexcept;

 private:
  Segment(Fd file, std::string name, const SegmentHeader& header);
  static std::shared_ptr<Segment> known(std::shared_ptr<Segment> made);
  Segment(Fd file, std::string name, const SegmentHeader& header, Mapping copy);
  struct Copying;
  void copy_words(Copying& from);
  void copy_lane(Copying& from, std::uint32_t lane);
  void copy_parked(Copying& from);
  void copy_range(Copying& from, std::uint64_t offset, std::uint64_t bytes);
  static void require_sizes(const SegmentHeader& header, const std::string& name);
  static SegmentHeader read_header(int fd, const std::string& name);
  void initialise();

  template <class T>
  T* at(std::uint64_t offset) const noexcept {
    return reinterpret_cast<T*>(mapping_.data() + offset);
  }

  std::string name_;
  SegmentHeader header_;
  Geometry geometry_;
  std::unique_ptr<LockFile> lock_file_;
  Mapping mapping_;
  std::unique_ptr<LocalConsumer[]> local_consumers_;
  std::atomic<std::uint64_t> handles_generation_{0};
  std::atomic<int> own_handles_{0};
  std::atomic<std::uint64_t> forks_before_handle_{0};
};

}  // namespace iq::detail
