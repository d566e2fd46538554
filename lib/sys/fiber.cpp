// Switching stacks: some ten instructions on x86-64, the C library's ucontext elsewhere, which asks
// the kernel twice per switch to keep a signal mask that we do not change; also on x86-64 where
// the process has a shadow stack, which our instructions would leave behind and ucontext does not.
//
// A stack is a mapping with a page below it that must not be touched: too deep a recursion is a
// crash and not somebody else's memory. Pages come when they are used, so a task that does little
// costs two of them. The runtime's record of exceptions that are being handled belongs to the
// thread; each fiber has its own, exchanged at the switch, or a task that waits in a catch clause
// would spoil another's.
#include "sys/fiber.hpp"

#include <cxxabi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "iq/error.hpp"
#include "sys/system_error.hpp"

#include <ucontext.h>

// g++ has a macro for each sanitizer, clang a feature.
#if defined(__SANITIZE_ADDRESS__)
#define IQ_FIBERS_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IQ_FIBERS_UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define IQ_FIBERS_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IQ_FIBERS_UNDER_TSAN 1
#endif
#endif
#if defined(IQ_FIBERS_UNDER_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(IQ_FIBERS_UNDER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__x86_64__)
extern "C" void iq_switch_stack(void** from, void* to) noexcept;
extern "C" void iq_begin_stack() noexcept;
asm(R"(
.pushsection .text
.hidden iq_switch_stack
.globl iq_switch_stack
.type iq_switch_stack,@function
iq_switch_stack:
  .cfi_startproc
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  ldmxcsr (%rsp)
  fldcw 4(%rsp)
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .cfi_endproc
.size iq_switch_stack,.-iq_switch_stack
.hidden iq_begin_stack
.globl iq_begin_stack
.type iq_begin_stack,@function
iq_begin_stack:
  .cfi_startproc
  .cfi_undefined rip
  endbr64
  movq %r13, %rdi
  callq *%r12
  ud2
  .cfi_endproc
.size iq_begin_stack,.-iq_begin_stack
.popsection
)");
#endif

namespace iq::detail {

struct Fiber::Machine {
  struct Exceptions {  // as the C++ ABI has it: __cxa_eh_globals
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  Machine() {
    if (fibers_by_ucontext.load(std::memory_order_relaxed)) {
      context = std::make_unique<ucontext_t>();
    }
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() {
#if defined(IQ_FIBERS_UNDER_TSAN)
    if (base != nullptr) __tsan_destroy_fiber(tsan);
#endif
    if (base != nullptr) ::munmap(base, bytes);
  }

  void map(std::size_t stack_bytes);
  void prepare(Entry entry, void* argument);

  void* base = nullptr;  // null: the thread's own stack
  std::size_t bytes = 0;
  Exceptions exceptions;
  void* top = nullptr;                  // where the registers are, while it does not run;
  std::unique_ptr<ucontext_t> context;  // they are here instead where ucontext switches
#if defined(IQ_FIBERS_UNDER_ASAN)
  void* fake_stack = nullptr;
  const void* bottom = nullptr;
  std::size_t size = 0;
#endif
#if defined(IQ_FIBERS_UNDER_TSAN)
  void* tsan = nullptr;
#endif
  Entry entry = nullptr;
  void* argument = nullptr;
};

namespace {

#if defined(IQ_FIBERS_UNDER_ASAN)
// Who is being left; the first thing that a new fiber does is to tell the sanitizer's view of it.
thread_local const void** left_bottom = nullptr;
thread_local std::size_t* left_size = nullptr;
#endif

void arrive_in_fiber([[maybe_unused]] void* fake_stack) noexcept {
#if defined(IQ_FIBERS_UNDER_ASAN)
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
  if (left_bottom != nullptr) {
    *left_bottom = bottom;
    *left_size = size;
  }
#endif
}

struct FiberStart {
  Fiber::Entry entry;
  void* argument;
};

// On the new stack.
void run_entry(FiberStart* start) noexcept {
  const FiberStart mine = *start;
  arrive_in_fiber(nullptr);
  mine.entry(mine.argument);
}

void run_split(unsigned high, unsigned low) noexcept {
  run_entry(reinterpret_cast<FiberStart*>(std::uintptr_t{high} << 32 | low));
}

bool needs_ucontext() noexcept {
#if defined(__x86_64__)
  std::uint64_t shadow_stack = 0;
  asm volatile("rdsspq %0" : "+r"(shadow_stack));  // does nothing where there is none
  return shadow_stack != 0;
#else
  return true;
#endif
}

}  // namespace

std::atomic<bool> fibers_by_ucontext{needs_ucontext()};

void Fiber::Machine::map(std::size_t stack_bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  bytes = (stack_bytes + page - 1) / page * page + page;
  base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (base == MAP_FAILED || ::mprotect(base, page, PROT_NONE) != 0) {
    const int error = errno;
    if (base != MAP_FAILED) ::munmap(base, bytes);
    base = nullptr;
    throw NoSpace(
        fmt::format("cannot start a task: no stack of {} bytes to be had: {}. Run fewer "
                    "tasks at a time (iq::TaskPool)",
                    bytes, errno_text(error)));
  }
#if defined(IQ_FIBERS_UNDER_ASAN)
  bottom = static_cast<std::byte*>(base) + page;
  size = bytes - page;
#endif
#if defined(IQ_FIBERS_UNDER_TSAN)
  tsan = __tsan_create_fiber(0);
#endif
}

void Fiber::Machine::prepare(Entry start_at, void* with) {
  auto* end = static_cast<std::byte*>(base) + bytes;
  auto* start = reinterpret_cast<FiberStart*>(end - 64);
  *start = {start_at, with};
  if (context) {
    ::getcontext(context.get());
    context->uc_stack.ss_sp = base;
    context->uc_stack.ss_size = bytes - 64;
    context->uc_link = nullptr;
    const auto address = reinterpret_cast<std::uintptr_t>(start);
    ::makecontext(context.get(), reinterpret_cast<void (*)()>(&run_split), 2,
                  static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
    return;
  }
#if defined(__x86_64__)
  // As iq_switch_stack leaves it: control words, r15, r14, r13, r12, rbx, rbp, where to go on.
  auto* words = reinterpret_cast<std::uint64_t*>(end - 64 - 128);
  std::memset(words, 0, 128);
  const std::uint32_t mxcsr = 0x1f80;
  const std::uint16_t x87 = 0x037f;
  std::memcpy(words, &mxcsr, sizeof mxcsr);
  std::memcpy(reinterpret_cast<std::byte*>(words) + 4, &x87, sizeof x87);
  words[3] = reinterpret_cast<std::uint64_t>(start);
  words[4] = reinterpret_cast<std::uint64_t>(&run_entry);
  words[7] = reinterpret_cast<std::uint64_t>(&iq_begin_stack);
  top = words;
#endif
}

Fiber::Fiber() : machine_(std::make_unique<Machine>()) {
#if defined(IQ_FIBERS_UNDER_TSAN)
  machine_->tsan = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(Entry entry, void* argument, std::size_t stack_bytes)
    : machine_(std::make_unique<Machine>()) {
  machine_->map(stack_bytes);
  machine_->prepare(entry, argument);
}

Fiber::~Fiber() = default;

// Where ucontext switches, nobody else knows where its stack pointer is: all is kept.
void Fiber::drop_unused_pages() noexcept {
  const Machine& its = *machine_;
  if (its.base == nullptr || its.top == nullptr || its.context) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t from = reinterpret_cast<std::uintptr_t>(its.base) + page;
  const std::uintptr_t to = reinterpret_cast<std::uintptr_t>(its.top) / page * page;
  if (to > from) ::madvise(static_cast<std::byte*>(its.base) + page, to - from, MADV_DONTNEED);
}

void Fiber::switch_to(Fiber& from, Fiber& to) noexcept {
  Machine& left = *from.machine_;
  Machine& next = *to.machine_;
  void* runtime = abi::__cxa_get_globals();
  std::memcpy(&left.exceptions, runtime, sizeof left.exceptions);
  std::memcpy(runtime, &next.exceptions, sizeof next.exceptions);
#if defined(IQ_FIBERS_UNDER_ASAN)
  left_bottom = &left.bottom;
  left_size = &left.size;
  __sanitizer_start_switch_fiber(&left.fake_stack, next.bottom, next.size);
#endif
#if defined(IQ_FIBERS_UNDER_TSAN)
  __tsan_switch_to_fiber(next.tsan, 0);
#endif
#if defined(__x86_64__)
  if (!left.context) {
    iq_switch_stack(&left.top, next.top);
  } else {
    ::swapcontext(left.context.get(), next.context.get());
  }
#else
  ::swapcontext(left.context.get(), next.context.get());
#endif
#if defined(IQ_FIBERS_UNDER_ASAN)
  arrive_in_fiber(left.fake_stack);
#endif
}

}  // namespace iq::detail
