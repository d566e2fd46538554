// Single steps. Text, and with it every address of an instruction, is the same in this process and
// in the children that it forks: so that an instruction is read here and not through ptrace.
#include "steps/tracer.hpp"

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#if !defined(__x86_64__)
#error "single steps are taken on x86-64 only"
#endif

namespace steps {
namespace {

constexpr unsigned char kBreakpoint = 0xcc;

void require_done(long result, const char* what) {
  if (result >= 0) return;
  iqtest::require(false, std::string(what) + ": " + std::strerror(errno));
}

bool enters_kernel(std::uint64_t address) noexcept {
  unsigned char code[2];
  std::memcpy(code, reinterpret_cast<const void*>(address), sizeof code);
  return code[0] == 0x0f && code[1] == 0x05;  // syscall
}

// The child's text is its own: a breakpoint in it is in nobody else's.
void write_text(pid_t pid, std::uint64_t address, long word) {
  require_done(::ptrace(PTRACE_POKETEXT, pid, address, word), "ptrace writes text");
}

}  // namespace

void begin_operation() {
  require_done(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr), "ptrace");
  ::kill(::getpid(), SIGSTOP);
}

void end_operation() { ::kill(::getpid(), SIGSTOP); }

Tracer::Tracer(const iqtest::Child& child) : pid_(child.pid()) {
  iqtest::require(!await_stop(), "a victim begins its operation");
  read_address();
}

// A child's own SIGSTOP marks both ends; nobody else sends it one.
bool Tracer::await_stop() {
  int status = 0;
  const pid_t result = ::waitpid(pid_, &status, __WALL);
  iqtest::require(result >= 0 || errno != EINTR, "a victim hangs in the midst of its operation");
  iqtest::require(result == pid_ && WIFSTOPPED(status), "a victim ends but by our hands");
  return WSTOPSIG(status) == SIGTRAP;
}

void Tracer::read_address() {
  errno = 0;
  const long value = ::ptrace(PTRACE_PEEKUSER, pid_, offsetof(user_regs_struct, rip), nullptr);
  if (errno != 0) require_done(-1, "ptrace reads a register");
  address_ = static_cast<std::uint64_t>(value);
}

Step Tracer::step() {
  const bool system_call = enters_kernel(address_);
  require_done(::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr), "ptrace steps");
  if (!await_stop()) return Step::ended;
  ++steps_;
  read_address();
  return system_call ? Step::system_call : Step::plain;
}

bool Tracer::run_to(const Place& place) {
  for (std::uint32_t seen = 0;;) {
    if (address_ == place.address && ++seen == place.nth) return true;
    if (step() == Step::ended) return false;  // over the breakpoint's own place
    long word;
    std::memcpy(&word, reinterpret_cast<const void*>(place.address), sizeof word);
    long with = word;
    std::memcpy(&with, &kBreakpoint, 1);
    write_text(pid_, place.address, with);
    require_done(::ptrace(PTRACE_CONT, pid_, nullptr, nullptr), "ptrace continues");
    const bool came = await_stop();
    write_text(pid_, place.address, word);
    if (!came) return false;
    require_done(::ptrace(PTRACE_POKEUSER, pid_, offsetof(user_regs_struct, rip), place.address),
                 "ptrace sets a register");
    address_ = place.address;
  }
}

}  // namespace steps
