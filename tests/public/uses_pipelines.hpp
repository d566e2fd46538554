// As uses.cpp, which includes it: pipelines and what belongs to them.
#pragma once

#if IQ_USES_closable_queue

struct Job {
  std::string name;
};
template class iq::ClosableQueue<int>;
template class iq::ClosableQueue<Job>;

std::size_t drain(iq::ClosableQueue<Job>& queue) {
  using std::chrono::seconds;
  std::size_t bytes = queue.size() + queue.capacity();
  if (queue.put_for({"one"}, seconds(1)) == iq::Status::ok) queue.put({"two"});
  if (auto job = queue.get_for(seconds(1))) bytes += job->name.size();
  if (!queue.is_closed()) queue.close(/*once=*/false);
  for (const Job& job : queue) bytes += job.name.size();
  return queue.try_put({}) == iq::Status::closed && !queue.try_get() ? bytes : 0;
}

#elif IQ_USES_pipeline

struct Job {
  std::string name;
};
template class iq::Pipeline<int>;
template class iq::Pipeline<Job>;

std::size_t names(const std::vector<Job>& jobs, iq::IterableQueue<Job>& queue) {
  auto all = iq::pipeline()
                 .from(jobs, {.capacity = 8, .name = "jobs"})
                 .filter([](const Job& job) { return !job.name.empty(); }, {.workers = 2})
                 .map([](const Job& job) { return std::optional(job.name); }, {.ordered = true});
  std::size_t bytes = 0;
  for (const std::string& name : all) bytes += name.size();
  auto others = iq::pipeline(iq::threads)
                    .from(queue)
                    .chain(
                        [](iq::Consumer<Job>& in, iq::Producer<int>& out, int worker) {
                          for (const Job& job : in) out.put(job.name.empty() ? worker : 1);
                        },
                        {.workers = 3});
  others.start();
  bytes += others.report().stages.size();
  bytes += others.join();
  iq::pipeline({.signals = false})
      .chain([](iq::Producer<int>& out) { out.put(1); })
      .for_each([](int) {}, {.workers = 2});
  const auto less = [](const Job& a, const Job& b) { return a.name < b.name; };
  bytes += iq::pipeline()
               .from(jobs)
               .sort(less, {.name = "by name"})
               .fold([](std::size_t sum, const Job& job) { return sum + job.name.size(); },
                     std::size_t{0}, {.workers = 2, .combine = std::plus<std::size_t>{}});
  auto last = iq::pipeline().from(jobs).chain([](iq::Consumer<Job>) {});
  last.join();
  return bytes;
}

#elif IQ_USES_report

iq::Reporting reporting() {
  iq::Reporting all = iq::report_to(stderr, std::chrono::milliseconds(500));
  all.function = [](const iq::RunReport& report) { std::puts(iq::to_line(report).c_str()); };
  return all;
}
std::string told(const iq::RunReport& report) {
  if (report.bottleneck < 0 || report.has_ended) return iq::to_text(report, 80);
  const iq::StageReport& stage = report.stages.at(static_cast<std::size_t>(report.bottleneck));
  return stage.busy > stage.awaits_item + stage.awaits_room ? stage.name : "";
}
iq::Reporting called() {
  return iq::report_to([](const iq::RunReport&) {});
}

#elif IQ_USES_pipeline_failed

std::string told(const iq::PipelineFailed& failed) {
  const bool is_stage = failed.stage() >= 0 && failed.pid() > 0 && failed.worker() >= 0;
  return is_stage && failed.item() ? failed.stage_name() : failed.exception_type();
}
iq::PipelineFailed again(const iq::PipelineFailed& failed) {
  return iq::PipelineFailed(failed.exception_text(), failed.failure());
}

#elif IQ_USES_pipeline_options

struct Job {
  std::string name;
};
iq::StageOptions<Job, Job> choices(iq::IterableQueue<Job>& queue) {
  return {.workers = 2,
          .on_error = iq::forward_input,
          .name = "jobs",
          .retries = 1,
          .restarts = 2,
          .timeout = std::chrono::seconds(1),
          .out = &queue};
}
iq::StageOptions<int, long> handled() {
  return {.on_error = [](const int& item, const std::exception_ptr&, iq::Output<long>& out) {
    out.put(item);
  }};
}
iq::EachOptions<int> each() { return {.on_error = iq::ignore}; }
iq::ChainOptions<int, void> chained() { return {.workers = 2, .restarts = 1}; }
bool heeds_signals() { return iq::PipelineOptions{.run_in = iq::threads}.signals; }
iq::FoldOptions<int> folded() { return {.workers = 2}; }
iq::SortOptions<Job> sorted() { return {.capacity = 3}; }
iq::SourceOptions source() { return {.capacity = 3}; }

#endif
