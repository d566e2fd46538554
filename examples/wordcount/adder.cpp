#include "adder.hpp"

namespace wordcount {

void Adder::take(const Part& part) {
  if (done_.contains(part.file)) return;
  if (part.parts == 1) return count(part, part.words);
  Attempt& attempt = incomplete_[{part.file, part.delivery}];
  ++attempt.parts;
  for (const auto& [word, count] : part.words) attempt.words[word] += count;
  // One producer's items come in its order, so the last part says whether all are there.
  if (part.parts == attempt.parts) count(part, attempt.words);
}

void Adder::count(const Part& last, const Counts& words) {
  if (last.error.empty()) {
    table_.add_file(last.bytes, words);
  } else {
    table_.add_unreadable(last.error);
  }
  done_.insert(last.file);
  incomplete_.erase(incomplete_.lower_bound({last.file, 0}),
                    incomplete_.upper_bound({last.file, UINT32_MAX}));
}

}  // namespace wordcount
