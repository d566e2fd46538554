// One worker. It is a copy of the process that called fork(), so it must leave by _exit: the
// destructors and atexit handlers it inherited belong to that process. What _exit loses is done by
// hand before: stdio is flushed, coverage counters are written.
// std::exit() called by the worker's code would run the inherited handlers. An on_exit handler of
// our own, registered last and hence called first of those, fails the endpoints and leaves.
// A process that the worker's code forked itself inherits that handler, but not the endpoints.
#include "work/worker_process.hpp"

#include <cxxabi.h>
#include <stdio_ext.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>

#include "base/clock.hpp"
#include "base/work_hooks.hpp"
#include "iq/error.hpp"
#include "ring/producer_ring.hpp"
#include "sys/futex.hpp"
#include "work/report.hpp"

// Only where the program was built for coverage; which of them the linker has depends on the kind.
extern "C" __attribute__((weak)) void __gcov_dump(void);
extern "C" __attribute__((weak)) void __gcov_exit(void);
extern "C" __attribute__((weak)) int __llvm_profile_write_file(void);

namespace iq::detail {
namespace {

constexpr std::int64_t kFlushPatienceNs = 200'000'000;

struct RunningWorker {
  WorkerJob* job = nullptr;
  pid_t pid = 0;
  bool is_last = true;
};
RunningWorker running_worker;  // one per process; read by the exit handler

void write_coverage() noexcept {
  if (__gcov_dump != nullptr) {
    __gcov_dump();
  } else if (__gcov_exit != nullptr) {
    __gcov_exit();
  }
  if (__llvm_profile_write_file != nullptr) __llvm_profile_write_file();
}

[[noreturn]] void leave(int code) noexcept {
  flush_stdio();
  write_coverage();
  ::_exit(code);
}

void leave_from_exit(int code, void*) {
  // With a replacement to come the endpoints stay as they are: it takes them over.
  if (::getpid() == running_worker.pid && running_worker.is_last) {
    running_worker.job->fail_adopted("its worker called exit(" + std::to_string(code) + ")");
  }
  leave(code);
}

std::string readable_type(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string result = status == 0 && text != nullptr ? text : type.name();
  std::free(text);
  return result;
}

}  // namespace

// The counters of a coverage build first: writing them opens files, for which the C library wants
// a lock that whoever flushes below may hold until the end.
void leave_worker_as_it_is(int code) noexcept {
  write_coverage();
  static std::atomic<std::uint32_t> flushed{0};
  try {
    std::thread([] {
      flush_stdio();
      flushed.store(1);
      futex_wake(flushed, 1);
    }).detach();
    const DeadlineNs deadline_ns = now_ns() + kFlushPatienceNs;
    while (flushed.load() == 0 && now_ns() < deadline_ns) futex_wait(flushed, 0, kFlushPatienceNs);
  } catch (...) {  // no thread: then what is in the buffers is lost
  }
  ::_exit(code);
}

void describe_exception(Report& report) {
  report.head.kind = ReportKind::threw;
  report.head.at_ns = now_ns();  // before anybody can fail because of it
  report.type = readable_type(*abi::__cxa_current_exception_type());
  try {
    throw;
  } catch (const Error& error) {
    report.text = error.what();
    report.head.error = static_cast<std::int32_t>(error.code());
  } catch (const std::exception& error) {
    report.text = error.what();
  } catch (const std::string& text) {
    report.text = text;
  } catch (const char* text) {
    report.text = text != nullptr ? text : "";
  } catch (...) {
    report.text.clear();
  }
}

namespace {

/// The report's socket, unless the worker's code has closed it and the number means another file.
class ReportSocket {
 public:
  explicit ReportSocket(int number) : number_(number), id_(try_file_id(number)) {}
  void send(const Report& report) const noexcept {
    if (id_ && try_file_id(number_) == id_) send_report(number_, report, /*wait=*/true);
  }

 private:
  int number_;
  std::optional<FileId> id_;
};

int work(const WorkerStart& start, const ReportSocket& reports, Report& report) {
  UnwoundProducers unwound;
  try {
    start.succeeds ? start.job->succeed(start.worker) : start.job->adopt(start.worker);
    work_hooks.call(work_hooks.worker_begins);
    report.head.kind = ReportKind::ready;
    reports.send(report);
    start.job->run(start.worker);
    work_hooks.call(work_hooks.worker_ends);
    report.head.kind = ReportKind::returned;
  } catch (...) {
    // pthread_exit unwinds without an exception and may not be caught for good: leave from here.
    if (abi::__cxa_current_exception_type() == nullptr) leave(1);
    describe_exception(report);
    unwound.tell(report.type + ": " + report.text);
    work_hooks.call(work_hooks.worker_ends);
    unwound.fail_all();
  }
  reports.send(report);
  return report.head.kind == ReportKind::returned ? 0 : 1;
}

}  // namespace

void flush_stdio() noexcept {
  try {
    std::cout.flush();
    std::clog.flush();
  } catch (...) {  // a stream told to throw: its text is lost, as with any failed write
  }
  if (::ftrylockfile(stdin) == 0) {
    ::funlockfile(stdin);
    std::fflush(nullptr);
  } else {
    std::fflush(stdout);
    std::fflush(stderr);
  }
}

void drop_inherited_output() noexcept {
  ::__fpurge(stdout);
  ::__fpurge(stderr);
}

namespace {

// The kernel's promise first, then the check: a supervisor that died in between is noticed.
void die_with_supervisor(pid_t supervisor) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(1);
}

// A terminal sends SIGINT to the whole group. What it means is the parent's business: workers are
// told through their queues. A program that handles it itself knows better.
void restore_signals(const CallerSignals& caller) noexcept {
  struct sigaction interrupt = caller.interrupt;
  if (interrupt.sa_handler == SIG_DFL) interrupt.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &interrupt, nullptr);
  ::sigaction(SIGTERM, &caller.terminate, nullptr);
  ::sigaction(SIGCHLD, &caller.child, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &caller.mask, nullptr);
}

Report report_of(const WorkerStart& start) {
  Report report;
  report.head.worker = start.worker;
  report.head.attempt = start.attempt;
  report.head.pid = ::getpid();
  return report;
}

int execute(const WorkerStart& start, const std::string& program,
            const std::vector<std::string>& arguments) {
  const std::vector<std::string> tokens = start.job->token_arguments();
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& word : tokens) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  restore_signals(*start.signals);
  ::execvp(program.c_str(), words.data());
  return errno;
}

}  // namespace

void run_worker(const WorkerStart& start) noexcept {
  die_with_supervisor(start.supervisor);
  running_worker = {start.job, ::getpid(), start.is_last};
  ::on_exit(leave_from_exit, nullptr);
  restore_signals(*start.signals);
  Report report = report_of(start);
  leave(work(start, ReportSocket(start.reports), report));
}

void run_program(const WorkerStart& start, const std::string& program,
                 const std::vector<std::string>& arguments) noexcept {
  die_with_supervisor(start.supervisor);
  Report report = report_of(start);
  report.head.kind = ReportKind::not_executed;
  report.head.error = execute(start, program, arguments);
  send_report(start.reports, report, /*wait=*/true);
  ::_exit(127);
}

}  // namespace iq::detail
