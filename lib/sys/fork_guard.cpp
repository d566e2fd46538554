// The generation of a process and the mutex against fork().
//
// A child notices that it is one by a page that the kernel hands it zeroed (MADV_WIPEONFORK); that
// also works for raw clone(), which runs no pthread_atfork handlers. The new generation is pid and
// a counter in ordinary memory. The counter only grows along a line of descent, so a child can
// never repeat the generation of an ancestor, also where pids repeat (pid namespaces, reuse).
//
// Where the kernel refuses MADV_WIPEONFORK the atfork handler clears the word: fork() is then
// noticed, raw clone() is not.
#include "sys/fork_guard.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <new>

namespace iq::detail {
namespace {

using Word = std::atomic<std::uint64_t>;

constinit Word no_page_yet{0};    // always 0: sends the first caller to the slow path
constinit Word unwiped_word{0};   // used where there is no page that is wiped
constinit std::atomic<std::uint32_t> generations_made{0};

constinit std::atomic<std::uint64_t> forks{0};
constinit thread_local bool forks_own = false;

constinit std::mutex guard_mutex;
sigset_t forking_thread_signals;  // guarded by guard_mutex
static_assert(sizeof(sigset_t) <= 16 * sizeof(unsigned long));

Word* wiped_page() noexcept {
  const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* page = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return &unwiped_word;
  if (::madvise(page, bytes, MADV_WIPEONFORK) != 0) {
    ::munmap(page, bytes);
    return &unwiped_word;
  }
  return new (page) Word(0);
}

Word* installed_word() noexcept {
  Word* current = generation_word.load(std::memory_order_acquire);
  if (current != &no_page_yet) return current;
  Word* mine = wiped_page();
  if (generation_word.compare_exchange_strong(current, mine)) return mine;
  if (mine != &unwiped_word) ::munmap(mine, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
  return current;
}

void before_fork() {
  if (!forks_own) forks.fetch_add(1, std::memory_order_relaxed);
  sigset_t all;
  sigset_t saved;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &saved);
  guard_mutex.lock();
  forking_thread_signals = saved;
}

void after_fork() {
  const sigset_t saved = forking_thread_signals;
  guard_mutex.unlock();
  ::pthread_sigmask(SIG_SETMASK, &saved, nullptr);
}

void after_fork_in_child() {
  unwiped_word.store(0, std::memory_order_relaxed);
  after_fork();
}

[[gnu::constructor]] void when_loaded() {
  process_generation();
  ::pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

}  // namespace

constinit std::atomic<Word*> generation_word{&no_page_yet};

std::uint64_t new_process_generation() noexcept {
  Word* word = installed_word();
  const std::uint64_t count = generations_made.fetch_add(1) + 1;
  const std::uint64_t fresh = (static_cast<std::uint64_t>(::getpid()) << 32) | count;
  std::uint64_t seen = 0;
  return word->compare_exchange_strong(seen, fresh) ? fresh : seen;
}

pid_t fork_own() noexcept {
  forks_own = true;
  const pid_t pid = ::fork();
  forks_own = false;
  return pid;
}

std::uint64_t forks_by_others() noexcept { return forks.load(std::memory_order_relaxed); }

ForkGuard::ForkGuard() noexcept {
  sigset_t all;
  sigset_t saved;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &saved);
  std::memcpy(saved_signals_, &saved, sizeof saved);
  ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &saved_cancel_state_);
  guard_mutex.lock();
}

ForkGuard::~ForkGuard() {
  guard_mutex.unlock();
  ::pthread_setcancelstate(saved_cancel_state_, nullptr);
  sigset_t saved;
  std::memcpy(&saved, saved_signals_, sizeof saved);
  ::pthread_sigmask(SIG_SETMASK, &saved, nullptr);
}

}  // namespace iq::detail
