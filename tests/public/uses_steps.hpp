// As uses.cpp, which includes it: tables of steps.
#pragma once

#if IQ_USES_chunk

static_assert(std::is_same_v<decltype(iq::flatten), const iq::Flatten>);
std::size_t sizes() {
  const iq::Chunk timed = iq::timed_chunk(3, std::chrono::milliseconds(5));
  return timed.is_timed() ? timed.items() : iq::chunk(2).items();
}

#else

struct Job {
  std::string name;
};
struct Named {
  std::string process(const Job& job) { return job.name; }
  void step_initialize() {}
  void worker_initialize() {}
  void worker_shutdown() {}
  void step_shutdown() {}
  void idle() {}
};

#if IQ_USES_step

auto rows() {
  auto named = iq::step<Named>({.workers = 2,
                                .retries = 3,
                                .on_error = iq::ignore,
                                .name = "named",
                                .restarts = 1,
                                .idle_after = std::chrono::seconds(2)});
  auto object = iq::step(Named{}, 4);
  auto bytes = iq::funcstep([](const std::string& name) { return name.size(); }, 2);
  auto many = iq::iterstep([](std::size_t n, iq::Output<std::size_t>& out) { out.put(n); },
                           {.capacity = 100});
  if (named.options.on_error.drops()) object.options = iq::StepOptions{.stateful = true};
  return std::tuple(named, object, bytes, many, iq::entries<Job>);
}
std::string skip() { throw iq::SkipEntry{}; }

#elif IQ_USES_steps

std::size_t run_all(iq::IterableQueue<Job>& queue, const std::vector<Job>& jobs) {
  iq::Steps p{iq::StepsOptions{.daemon = true, .capacity = 8}, iq::step<Named>(4),
              iq::iterstep([](const std::string& name) { return std::vector(2, name.size()); }),
              iq::timed_chunk(3, std::chrono::milliseconds(5)), iq::flatten};
  p.put({"one"});
  p.put_all({{"two"}, {"three"}});
  p.put_all(jobs);
  p.put_iterable(jobs);
  p.take_from(queue);
  p.start();
  if (p.alive() && p.ok()) p.stop();
  std::size_t bytes = p.count() + p.dropped() + p.retried();
  for (const std::size_t n : p.results()) bytes += n;
  return bytes;
}
void in_scope() {
  iq::Steps p{iq::entries<Job>, iq::chunk(2), iq::funcstep([](const std::vector<Job>&) {})};
  {
    const auto running = p.in_background();
    p.put({"one"});
    p.finish();
  }
  iq::Steps other({.run_in = iq::threads}, iq::funcstep([](int x) { return x; }));
  other.run();
}

#endif

#endif
