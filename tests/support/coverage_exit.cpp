// Only in builds for coverage (see lib/meson.build): whoever leaves without exit handlers writes
// its counters first. These definitions come before those of the C library wherever the library is
// linked, so that supervisors, workers and programs are counted and none of them has to know.
// Dying by somebody else's SIGKILL cannot be caught: such a process is not counted.
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

extern "C" {

void __gcov_dump(void);  // does nothing the second time

// Some tests leave with hardly a descriptor, or without the right to write files.
static void allow(__rlimit_resource_t what, rlim_t wanted) {
  const rlimit wide{wanted, wanted};
  rlimit limit{};
  if (::setrlimit(what, &wide) == 0 || ::getrlimit(what, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;  // not root: what the hard limit gives
  ::setrlimit(what, &limit);
}

static void dump() {
  ::signal(SIGXFSZ, SIG_IGN);
  allow(RLIMIT_FSIZE, RLIM_INFINITY);
  allow(RLIMIT_NOFILE, 1024);
  allow(RLIMIT_AS, RLIM_INFINITY);
  __gcov_dump();
}

void _exit(int code) {
  dump();
  for (;;) ::syscall(SYS_exit_group, code);
}

int raise(int number) noexcept {
  if (number == SIGKILL) dump();  // a kill point
  return ::pthread_kill(::pthread_self(), number);
}

void abort() noexcept {
  dump();
  ::raise(SIGABRT);  // who has a handler for it is asked
  ::signal(SIGABRT, SIG_DFL);
  for (;;) ::raise(SIGABRT);
}

}  // extern "C"
