// Fuzz target: a file with bytes that an input chose, its header too, is opened, inspected, listed.
#include <fcntl.h>
#include <unistd.h>

#include "fuzz/states.hpp"
#include "sys/shm_file.hpp"

namespace {

using iq::detail::SegmentHeader;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;

enum Option : std::uint8_t {
  kBelieve = 1,  // the checksum is right
  kFit = 2,      // and so are the sizes that follow from others
  kCut = 4,      // the file is cut short
  kMakeAnew = 8,
};

/// Makes the sizes agree, as a stranger could who knows the format.
bool fit(SegmentHeader& header) {
  try {
    const auto g = iq::detail::lay_out(header.capacity, header.slot_bytes, header.ring_bytes);
    if (g.segment_bytes > kMostBytes) return false;
    header.segment_bytes = g.segment_bytes;
    header.log2_slots = g.lane.log2_slots;
    return true;
  } catch (const iq::BadArgument&) {
    return false;
  }
}

void write_step(int file, const iq::detail::Geometry& geometry, const fuzz::Step& step) {
  const auto place = static_cast<off_t>(place_of(geometry, step));
  std::uint64_t word = 0;
  if (::pread(file, &word, sizeof word, place) < 0) return;
  word = fuzz::word_for(step, word);
  if (::pwrite(file, &word, sizeof word, place) < 0) return;
}

/// The steps up to the first call; that one is returned.
std::optional<fuzz::Step> write_file(const fuzz::Image& image, fuzz::Input& input) {
  const int file = ::open(iq::detail::shm_path(fuzz::queue_name()).c_str(), O_RDWR | O_CLOEXEC);
  const SegmentHeader& sound = image.header();
  const auto geometry = iq::detail::lay_out(sound.capacity, sound.slot_bytes, sound.ring_bytes);
  std::optional<fuzz::Step> step;
  std::uint64_t cut = 0;
  while ((step = input.next()) && step->writes()) {
    write_step(file, geometry, *step);
    cut = step->value;
  }
  SegmentHeader header;
  if (::pread(file, &header, sizeof header, 0) == sizeof header) {
    if ((input.options & kFit) != 0 && fit(header)) {
      (void)!::ftruncate(file, static_cast<off_t>(header.segment_bytes));
    }
    if ((input.options & kBelieve) != 0) header.checksum = fuzz::checksum_of(header);
    (void)!::pwrite(file, &header, sizeof header, 0);
  }
  if ((input.options & kCut) != 0) (void)!::ftruncate(file, static_cast<off_t>(cut % kMostBytes));
  ::close(file);
  return step;
}

template <class T>
void open_and_use(fuzz::Input& input, std::optional<fuzz::Step> step) {
  std::optional<iq::IterableQueue<T>> queue;
  if ((input.options & kMakeAnew) != 0) {
    queue.emplace(iq::open_or_create, fuzz::queue_name());
  } else {
    queue.emplace(iq::open_only, fuzz::queue_name());
  }
  fuzz::Users<T> users(*queue);
  for (; step; step = input.next()) {
    if (!step->writes()) users.call(*step);
  }
}

template <class T>
void run(fuzz::Input& input) {
  static const fuzz::Image image = fuzz::broken_image<T>();
  image.lay_down();
  const std::optional<fuzz::Step> step = write_file(image, input);
  const fuzz::StillTime still;
  try {
    (void)iq::inspect(fuzz::queue_name());
    (void)iq::list_queues();
    open_and_use<T>(input, step);
  } catch (const iq::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  fuzz::Input input(data, bytes);
  fuzz::with_type(input, [&]<class T>() { run<T>(input); });
  return 0;
}
