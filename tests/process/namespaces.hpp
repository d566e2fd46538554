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
inline constexpr int kContainer = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWTIME |
                                  CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;

inline bool write_to(const char* path, const std::string& text) {
  return static_cast<bool>(std::ofstream(path) << text << std::flush);
}

/// Mounts nothing that others see, from here on.
inline bool mount_apart() {
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

/// Runs `f` in a child whose /dev/shm is a tmpfs of that size, which nobody else sees. Leaves the
/// case where no mount is permitted.
template <class F>
Exit with_shm_of(const std::string& size, F&& f) {
  Child child = spawn([&] {
    if (::unshare(CLONE_NEWNS) != 0 || !mount_apart() ||
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
    const std::string user = std::to_string(::geteuid());
    const std::string group = std::to_string(::getegid());
    return ::unshare(kContainer) == 0 && write_to("/proc/self/setgroups", "deny") &&
           write_to("/proc/self/uid_map", user + " " + user + " 1") &&
           write_to("/proc/self/gid_map", group + " " + group + " 1") &&
           write_to("/proc/self/timens_offsets",
                    "monotonic " + std::to_string(days * 86'400) + " 0\n") &&
           mount_apart() &&
           (volume.empty() || ::mount(volume.c_str(), "/dev/shm", nullptr, MS_BIND, nullptr) == 0);
  }

  SharedCounter pid_;  // as it is called here
  Child helper_;
};

/// Leaves the case where containers are not permitted.
inline void require_containers() {
  Container tried({}, 2, [] {});
  if (tried.wait() == kNotPermitted) skip("no permission to make a container's namespaces");
}

}  // namespace iqtest
