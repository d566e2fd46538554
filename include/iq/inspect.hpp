// Looking at named queues from outside: no type, no registration, and nothing is changed in them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "iq/detail/api.hpp"
#include "iq/error.hpp"
#include "iq/event.hpp"
#include "iq/options.hpp"
#include "iq/stats.hpp"

namespace iq {

/// Whether a process lives, by the kernel's lock and never by its pid.
enum class Alive : std::uint8_t { no, yes, unknown };

/// The answer as a word, for messages and logs.
constexpr std::string_view to_string(Alive alive) noexcept {
  return alive == Alive::yes ? "yes" : alive == Alive::no ? "no" : "unknown";
}

/// A queue object, producer or consumer that is registered in a queue.
struct EndpointInfo {
  std::uint32_t number = 0;                ///< its place in the queue, 0 to 1,023
  EndpointRole role = EndpointRole::none;  ///< which of the three it is
  int pid = 0;                             ///< in the pid namespace of its owner
  bool pid_is_ours = false;      ///< that is the caller's too; otherwise the pid tells nothing here
  Alive alive = Alive::unknown;  ///< whether its owner is
  bool stopped = false;          ///< by a signal or a debugger; known only where pid_is_ours
  std::string command;   ///< short name of the process, where pid_is_ours; it may hold anything
  bool waiting = false;  ///< a consumer without work, or a producer without room
  std::optional<std::uint32_t> lane;   ///< a producer's own; of what a consumer holds
  std::vector<std::uint64_t> in_hand;  ///< ids of items that user code has and has not finished
  std::uint64_t ahead = 0;             ///< items claimed and not started; others may take them over
};

/// What one producer, or several one after the other, have put.
struct LaneInfo {
  std::uint32_t number = 0;            ///< its place in the queue, 0 to 1,023
  std::uint64_t put = 0;               ///< items since the queue was created
  std::uint64_t queued = 0;            ///< in nobody's hands
  std::uint64_t in_hand = 0;           ///< handed to user code and not yet acknowledged
  std::optional<std::uint32_t> owner;  ///< the number of its producer
  bool sound = true;                   ///< false: its words contradict each other
  std::uint64_t capacity = 0;          ///< items that it holds, acknowledged ones not counted
};

/// An item that was handed out max_deliveries times and never acknowledged.
struct ParkedInfo {
  std::uint64_t id = 0;          ///< as Consumer::item_id()
  std::uint32_t deliveries = 0;  ///< how often it was handed out
  std::uint64_t bytes = 0;       ///< encoded, or sizeof T
  bool in_place = false;         ///< in its lane, where it keeps room: the parking area is full
};

/// An endpoint whose process died, and that was repaired.
struct DeathInfo {
  int pid = 0;                             ///< in the pid namespace of the process that died
  EndpointRole role = EndpointRole::none;  ///< what that process had
};

/// What is known of a queue at one moment. Figures of a queue at work are about right.
///
/// With `error` set only the file, and perhaps the version, are known.
struct Inspection {
  std::string name;                  ///< that was asked for
  std::string path;                  ///< its file
  std::uint32_t mode = 0;            ///< permission bits
  std::uint32_t owner = 0;           ///< user id
  std::uint64_t file_bytes = 0;      ///< length of the file, reserved or not
  std::uint64_t reserved_bytes = 0;  ///< memory that it really takes
  std::optional<Errc> error;         ///< corrupt, wrong_version, no_permission, no_space, system
  std::string problem;               ///< the text of that error, with what to do
  Alive attached = Alive::unknown;   ///< whether anybody alive is
  std::uint32_t version = 0;         ///< of the format, 0 where it cannot be read
  std::string queue_id;              ///< differs between two queues of one name
  int creator_pid = 0;               ///< in the pid namespace of its creator
  std::string type;                  ///< as its creator named it
  std::uint32_t type_bytes = 0;      ///< sizeof T there
  std::uint64_t type_layout = 0;     ///< hash of the structure of T, names of types included
  bool encoded = false;              ///< items have a size of their own
  Options options;                   ///< as they were chosen, or chosen by default
  Stats stats;                       ///< as IterableQueue::stats()
  std::string failure;         ///< what consumers are told at the end, e.g. of a producer that died
  std::string stop_text;       ///< that stop() was given
  bool had_consumers = false;  ///< since it was created, or last opened anew
  std::vector<EndpointInfo> endpoints;             ///< all that are registered, by number
  std::vector<LaneInfo> lanes;                     ///< all that were ever used, by number
  std::vector<ParkedInfo> parked;                  ///< parked now
  std::vector<DeathInfo> deaths;                   ///< the last eight, the newest first
  std::chrono::steady_clock::time_point taken_at;  ///< on this process's clock
};

/// Looks at the queue of that name.
///
/// Errors:    BadName; NotFound. What else is wrong with it is in Inspection::error.
/// Processes: the queue's own notice nothing. A process that died without anybody waiting for it is
///            still registered, with alive == no: nobody is repaired here.
/// Cost:      one to two milliseconds, more with many lanes; two per thousand endpoints.
IQ_API Inspection inspect(const std::string& name);

/// A name in /dev/shm that begins like a queue's.
struct ListedQueue {
  std::string name;           ///< for inspect(), or to be opened
  std::optional<Errc> error;  ///< why it cannot be opened
  std::string problem;        ///< the text of that error
};

/// All named queues of this machine, in alphabetical order, also those that cannot be opened.
/// Errors: NoPermission, SystemError when the folder cannot be read.
IQ_API std::vector<ListedQueue> list_queues();

/// What happened between two looks at one queue.
struct Rates {
  double seconds = 0;            ///< from the first look to the second
  double put_per_s = 0;          ///< appended by producers
  double finished_per_s = 0;     ///< acknowledged, dropped or taken out of the parking area
  double redelivered_per_s = 0;  ///< taken out of a dead consumer's hands
  /// Numbers of endpoints that had an item in hand and still have the same. Shared memory holds no
  /// times, so that is all that can be said about how long: at least `seconds`.
  std::vector<std::uint32_t> unmoved;
};

/// nullopt when the two are not of the same queue, or one could not be read.
IQ_API std::optional<Rates> rates_between(const Inspection& before, const Inspection& after);

/// Why remove_unattached() did not remove a name, or that it did.
enum class Removal : std::uint8_t { removed, not_found, in_use };

/// Removes the name of a queue to which nobody alive is attached, whatever its type, version or
/// state, and what is in it. Errors: BadName; NoPermission for what is not a file of this user.
IQ_API Removal remove_unattached(const std::string& name);

}  // namespace iq
