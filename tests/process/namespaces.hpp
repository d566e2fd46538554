// Places of their own for processes of a test: a /dev/shm of another size, and containers, whose
// first process is pid 1 of everything that a kernel lets one have apart. Each is gone with its
// last process.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <utility>

#include "support/process.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

namespace iqtest {

inline constexpr int kNotPermitted = 77;
inline bool write_to(const char* path, const std::string& text) {
  return static_cast<bool>(std::ofstream(path) << text << std::flush);
}

/// From here on mounts are seen by nobody else, and the user stays who it was.
inline bool enter_namespaces(int flags) {
  const auto same = [](unsigned id) {
    return std::to_string(id) + " " + std::to_string(id) + " 1";
  };
  const std::string user = same(::geteuid());
  const std::string group = same(::getegid());
  return ::unshare(flags) == 0 &&
         ((flags & CLONE_NEWUSER) == 0 ||
          (write_to("/proc/self/setgroups", "deny") && write_to("/proc/self/uid_map", user) &&
           write_to("/proc/self/gid_map", group))) &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

/// Runs `f` in a child whose /dev/shm is a tmpfs of that size, which nobody else sees. Leaves the
/// case where no mount is permitted.
template <class F>
Exit with_shm_of(const std::string& size, F&& f) {
  Child child = spawn([&] {
    if (!enter_namespaces(CLONE_NEWNS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER)) ||
        ::mount("iq", "/dev/shm", "tmpfs", 0, ("mode=1777,size=" + size).c_str()) != 0) {
      return kNotPermitted;
    }
    f();
    return 0;
  });
  const Exit exit = child.wait(120);  // or the limit of the case
  if (exit.code == kNotPermitted) skip("no permission to mount a tmpfs");
  return exit;
}

/// What a container has for its own, as far as this machine permits it.
inline int permitted_namespaces() {
  static const int permitted = [] {
    int all = 0;
    for (const int one : {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWTIME, CLONE_NEWIPC,
                          CLONE_NEWUTS, CLONE_NEWNET}) {
      const int needed = ::geteuid() == 0 ? 0 : CLONE_NEWUSER;
      if (spawn([&] { return ::unshare(one | needed) == 0 ? 0 : 1; }).wait().ok()) all |= one;
    }
    return all;
  }();
  return permitted;
}

/// A process in a container: it is pid 1 there, with a clock of its own, and shares the memory.
class Container {
 public:
  /// `volume`: the folder that is its /dev/shm; empty: as it is here. Its monotonic clock is
  /// `days` ahead. It has a /proc of its own unless `days` is odd: both have to do.
  template <class F>
  Container(std::string volume, int days, F work)
      : pid_(shared_counter()), helper_(spawn([=, pid = &*pid_] {
          if (!enter(volume, days)) return kNotPermitted;
          Child first = spawn([&] {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            require(::getpid() == 1, "it is the first process of its container");
            require(days % 2 != 0 || ::mount("proc", "/proc", "proc", 0, nullptr) == 0, "/proc");
            work();
          });
          *pid = first.pid();
          const Exit exit = first.wait(60);
          return exit.signal == SIGKILL ? kKilled : exit.code;
        })) {}

  static constexpr int kKilled = 9;

  /// To kill, stop and continue it from outside; a signal from inside does nothing to a pid 1.
  void kill(int signal) const {
    require(wait_until([&] { return *pid_ != 0; }), "the container is there");
    ::kill(pid(), signal);
    if (signal == SIGSTOP) require(stopped(pid()), "it is stopped");
  }
  pid_t pid() const { return static_cast<pid_t>(*pid_); }
  /// The exit code of its first process, or kKilled.
  int wait() { return helper_.wait().code; }

 private:
  static bool enter(const std::string& volume, int days) {
    const int flags = permitted_namespaces();
    const std::string ahead = "monotonic " + std::to_string(days * 86'400) + " 0\n";
    return enter_namespaces(flags) &&
           ((flags & CLONE_NEWTIME) == 0 || write_to("/proc/self/timens_offsets", ahead)) &&
           (volume.empty() || ::mount(volume.c_str(), "/dev/shm", nullptr, MS_BIND, nullptr) == 0);
  }

  SharedCounter pid_;  // as it is called here
  Child helper_;
};

/// Leaves the case where no container can be made that deserves the name.
inline void require_containers() {
  constexpr int kLeast = CLONE_NEWPID | CLONE_NEWNS;
  if ((permitted_namespaces() & kLeast) != kLeast || Container({}, 2, [] {}).wait() != 0) {
    skip("no permission to make the namespaces of a container");
  }
}

}  // namespace iqtest
