// What feeder and worker agree on: two names, two types of items, and who does what.
//
// Both programs open both queues with open_or_create, so either may come first. The feeder alone
// closes them: the jobs after the last one, the answers when all are in. Until then anybody may
// join; afterwards the loops end, and the last program to leave removes the names. One feeder at a
// time per name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <iq/iq.hpp>

namespace jobs {

struct Job {
  std::uint64_t id = 0;
  std::vector<std::uint32_t> numbers;  // to be added up
};

/// A worker that dies between its answer and the next job has its job done again, so there may be
/// two answers to one job: the id tells.
struct Answer {
  std::uint64_t id = 0;
  std::uint64_t sum = 0;
  std::uint64_t item = 0;        ///< the job's item id, the same for each delivery
  std::uint32_t deliveries = 0;  ///< 1, or more when workers died with this job in hand
  std::int32_t worker = 0;       ///< process id
};

inline iq::IterableQueue<Job> open_jobs(const std::string& name) {
  return {iq::open_or_create, name};
}

inline iq::IterableQueue<Answer> open_answers(const std::string& name) {
  // Workers may die: the feeder sees by the ids that nothing is missing.
  return {iq::open_or_create, name + "-answers", {.on_producer_death = iq::OnProducerDeath::end}};
}

}  // namespace jobs
