// exec_worker JOBS ANSWERS: the program that exec_pool starts. Its last two arguments are its two
// ends of queues: texts that only this one process can use.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <iq/iq.hpp>

#include "exec_pool/jobs.hpp"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: exec_worker [--dies-at N] JOBS ANSWERS (started by exec_pool)\n");
    return 2;
  }
  // A number that kills whoever works on it, to be seen in what exec_pool prints.
  const bool dies = argc > 4 && std::string(argv[1]) == "--dies-at";
  const std::uint64_t deadly = dies ? std::strtoull(argv[2], nullptr, 10) : 0;
  try {
    auto jobs = iq::Consumer<exec_pool::Job>::from_token(argv[argc - 2]);
    auto answers = iq::Producer<exec_pool::Answer>::from_token(argv[argc - 1]);
    for (const exec_pool::Job& job : jobs) {
      if (dies && job.number == deadly) std::abort();
      answers.put({job.number, exec_pool::smallest_factor(job.number), ::getpid()});
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "exec_worker: %s\n", error.what());
    return 1;
  }
}
