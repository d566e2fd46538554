// Fuzz target: a valid header, and behind it words that an input chose, before and while producers
// and consumers use the queue.
#include "fuzz/states.hpp"

namespace {

template <class T>
void run(fuzz::Input& input) {
  static const fuzz::Image image = fuzz::tidy_image<T>();
  image.lay_down();
  const fuzz::StillTime still;
  fuzz::use<T>(image, input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  fuzz::Input input(data, bytes);
  fuzz::with_type(input, [&]<class T>() { run<T>(input); });
  return 0;
}
