// Fuzz target: everybody who used the queue is dead, with words of theirs that an input chose.
// Whoever comes repairs, lists what is parked, counts.
#include "fuzz/states.hpp"

namespace {

template <class T>
void run(fuzz::Input& input) {
  static const fuzz::Image image = fuzz::broken_image<T>();
  image.lay_down();
  const fuzz::StillTime still;
  std::optional<fuzz::Fences> fences;
  try {
    iq::IterableQueue<T> queue(iq::open_only, fuzz::queue_name());
    fences.emplace(iq::detail::Segment::find(image.header().queue_id));
    const auto repair = [&] {
      iq::detail::sweep(fences->segment(), 0, iq::detail::kMaxEndpoints);
      (void)queue.stats();
      (void)queue.parked();
    };
    fuzz::Users<T> users(queue);
    bool repaired = false;
    while (const auto step = input.next()) {
      if (!step->writes() && !repaired) {
        repair();
        repaired = true;
      }
      step->writes() ? fuzz::write_word(*fences, *step) : users.call(*step);
    }
    repair();
  } catch (const iq::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  fuzz::Input input(data, bytes);
  fuzz::with_type(input, [&]<class T>() { run<T>(input); });
  return 0;
}
