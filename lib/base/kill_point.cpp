// The table of kill points: fixed size, filled by compare-and-swap, never emptied. No lock and no
// memory from the heap, so that a fork by another thread at any moment leaves a usable table.
// Compiled only into the library for tests of faults; a normal build has an empty object here.
#include "iq/detail/kill_point.hpp"

#if IQ_KILL_POINTS

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace iq::detail {
namespace {

constexpr int kMaxPoints = 512;
KillPoint points[kMaxPoints];

KillPoint* find(std::string_view name) noexcept {
  for (KillPoint& point : points) {
    const char* present = point.name.load();
    if (present == nullptr) return nullptr;
    if (name == present) return &point;
  }
  return nullptr;
}

}  // namespace

KillPoint& kill_point(const char* name) noexcept {
  for (KillPoint& point : points) {
    const char* present = point.name.load();
    if (present == nullptr && point.name.compare_exchange_strong(present, name)) return point;
    if (std::strcmp(present, name) == 0) return point;
  }
  std::fprintf(stderr, "kill point %s: more than %d names\n", name, kMaxPoints);
  std::abort();
}

void KillPoint::pass() noexcept {
  passed.fetch_add(1, std::memory_order_relaxed);
  if (remaining.load(std::memory_order_relaxed) <= 0) return;
  if (remaining.fetch_sub(1, std::memory_order_relaxed) != 1) return;
  std::raise(action.load() == KillAction::kill ? SIGKILL : SIGSTOP);
}

void arm_kill_point(std::string_view name, std::int64_t nth, KillAction action) {
  KillPoint* point = find(name);
  if (point == nullptr) {  // not passed yet: the copy becomes the table's name, for good
    point = &kill_point(::strdup(std::string(name).c_str()));
  }
  point->remaining.store(0);
  point->action.store(action);
  point->passed.store(0);
  point->remaining.store(nth);
}

std::vector<std::string> kill_points_seen() {
  std::vector<std::string> names;
  for (const KillPoint& point : points) {
    const char* name = point.name.load();
    if (name != nullptr && point.passed.load() > 0) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace iq::detail

#endif
