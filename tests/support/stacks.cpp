// A thread that gets kAsk writes its return addresses to shared memory; the asker, which was forked
// from the same image and so has everything at the same addresses, turns them into names. So the
// handler needs no lock, no memory and no output of the process that hangs. A program started by
// exec has no such handler, and a process may block all signals: these are seen through /proc.
#include "support/stacks.hpp"

#include <cxxabi.h>
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/shared.hpp"
#include "support/state.hpp"
#include "support/tree.hpp"

namespace iqtest {
namespace {

int ask_signal() { return SIGRTMAX - 3; }

pid_t thread_id() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

void answer(int) {
  const int saved_errno = errno;
  StackSlot& slot = state().stack;
  if (slot.wanted.load() == thread_id()) {
    slot.count = ::backtrace(slot.frames, kMaxFrames);
    slot.answered.store(thread_id());
  }
  errno = saved_errno;
}

void keep_crash(int signal) {
  StackSlot& slot = state().crash;
  pid_t nobody = 0;
  if (slot.wanted.compare_exchange_strong(nobody, thread_id())) {
    slot.count = ::backtrace(slot.frames, kMaxFrames);
    slot.answered.store(thread_id());
  }
  ::raise(signal);  // SA_RESETHAND: now with its default action
}

/// Whether the bit of the signal is set in a mask of /proc/PID/status, e.g. "SigCgt".
bool in_mask(const std::string& status, const char* mask, int signal) {
  const auto at = status.find(mask);
  if (at == std::string::npos) return false;
  const char* digits = status.c_str() + at + std::char_traits<char>::length(mask) + 1;
  return (std::strtoull(digits, nullptr, 16) >> (signal - 1) & 1) != 0;
}

std::string demangled(const char* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return text ? text.get() : name;
}

/// The name out of the debugger's tables, for functions that the dynamic linker does not know.
std::string from_addr2line(const char* file, std::uintptr_t offset) {
  char command[600];
  std::snprintf(command, sizeof command, "addr2line -Cfspe '%s' 0x%zx 2>/dev/null", file,
                static_cast<std::size_t>(offset));
  FILE* pipe = ::popen(command, "re");
  if (pipe == nullptr) return {};
  char line[400] = "";
  if (std::fgets(line, sizeof line, pipe) == nullptr) line[0] = '\0';
  ::pclose(pipe);
  std::string text(line);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.starts_with("??") ? std::string() : text;
}

void print_frame(int number, void* address) {
  Dl_info info{};
  std::string name;
  const auto where = reinterpret_cast<std::uintptr_t>(address);
  std::uintptr_t offset = where;
  if (::dladdr(address, &info) != 0 && info.dli_fname != nullptr) {
    offset = where - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    name = from_addr2line(info.dli_fname, offset - 1);
    if (name.empty() && info.dli_sname != nullptr) name = demangled(info.dli_sname);
  }
  std::fprintf(stderr, "      #%-2d %s  (%s+0x%zx)\n", number, name.c_str(),
               info.dli_fname != nullptr ? info.dli_fname : "?", static_cast<std::size_t>(offset));
}

void print_frames(const StackSlot& slot) {
  for (int i = 2; i < slot.count; ++i) print_frame(i - 2, slot.frames[i]);  // 0, 1: the handler
}

bool ask(pid_t pid, pid_t tid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid);
  const std::string status = read_small_file(path + "/status");
  const bool would_answer =
      in_mask(status, "SigCgt:", ask_signal()) && !in_mask(status, "SigBlk:", ask_signal());
  if (!would_answer) return false;
  StackSlot& slot = state().stack;
  slot.answered.store(0);
  slot.wanted.store(tid);
  if (::syscall(SYS_tgkill, pid, tid, ask_signal()) != 0) return false;
  ::kill(pid, SIGCONT);  // a stopped process runs the handler first
  const SteadyTime deadline = deadline_in(1);
  while (slot.answered.load() != tid) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void print_thread(pid_t pid, pid_t tid) {
  if (ask(pid, tid)) {
    std::fprintf(stderr, "    thread %d\n", tid);
    print_frames(state().stack);
    return;
  }
  const std::string path = "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/";
  std::fprintf(stderr, "    thread %d does not answer; wchan %s, syscall %s", tid,
               read_small_file(path + "wchan").c_str(), read_small_file(path + "syscall").c_str());
  std::fprintf(stderr, "%s", read_small_file(path + "stack").c_str());
}

}  // namespace

void install_stack_handlers() {
  void* frames[4];
  ::backtrace(frames, 4);  // the first call loads a library: not in a handler
  struct sigaction action {};
  action.sa_handler = &answer;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(ask_signal(), &action, nullptr);
  action.sa_handler = &keep_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE}) {
    ::sigaction(signal, &action, nullptr);
  }
}

void forget_crash() noexcept {
  state().crash.answered.store(0);
  state().crash.wanted.store(0);
}

void print_crash() {
  if (const pid_t tid = state().crash.answered.load(); tid != 0) {
    std::fprintf(stderr, "iqtest: thread %d crashed at\n", tid);
    print_frames(state().crash);
  }
  forget_crash();
}

void print_stacks(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid);
  const Process process = read_process(pid);
  std::fprintf(stderr, "  process %d, parent %d, state %c, %s\n", pid, process.parent,
               process.state != '\0' ? process.state : '?',
               read_small_file(path + "/cmdline").c_str());
  if (process.state == 'Z') return;
  std::vector<pid_t> threads;
  if (DIR* directory = ::opendir((path + "/task").c_str())) {
    while (const dirent* entry = ::readdir(directory)) {
      if (const int tid = std::atoi(entry->d_name); tid > 0) threads.push_back(tid);
    }
    ::closedir(directory);
  }
  for (const pid_t tid : threads) print_thread(pid, tid);
}

}  // namespace iqtest
