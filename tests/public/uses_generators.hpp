// As uses.cpp, which includes it: generators, and what is between them.
#pragma once

#if IQ_USES_chunk

iq::Chunk sizes(bool timed) {
  const iq::Chunk chunk = timed ? iq::timed_chunk(8, std::chrono::seconds(1)) : iq::chunk(8);
  return chunk.is_timed() ? iq::Chunk(chunk.items(), chunk.duration()) : chunk;
}
constexpr iq::Flatten flat = iq::flatten;

#elif IQ_USES_generator

struct Job {
  std::string name;
};
template class iq::Generator<int>;
template class iq::Generator<Job>;
template class iq::Generator<const Job&>;

iq::Generator<Job> named(iq::Generator<const Job&> jobs) {
  for (const Job& job : jobs) {
    if (!job.name.empty()) co_yield job;
  }
}
std::uint64_t bytes(std::vector<Job>& jobs, std::vector<int>& in) {
  std::uint64_t bytes = 0;
  for (auto&& chunk : iq::combine(jobs, named, iq::chunk(3))) bytes += chunk.size();
  for (const int n : iq::combine(
           in,
           [](auto range) -> iq::Generator<int> {
             for (int i : range) co_yield i;
           },
           iq::timed_chunk(3, std::chrono::seconds(1)), iq::flatten)) {
    bytes += static_cast<std::uint64_t>(n);
  }
  return bytes + iq::consume(iq::Generator<const Job&>(jobs), 3);
}

#endif
