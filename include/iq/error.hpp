// Errors: everything that is not an expected outcome is an exception derived from iq::Error.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace iq {

/// What went wrong, for programs. The text of the exception is for people.
enum class Errc : std::uint16_t {
  closed = 1,
  no_consumers,
  producer_died,
  producer_failed,
  worker_failed,
  too_large,
  wrong_type,
  wrong_process,
  wrong_options,
  wrong_version,
  no_space,
  corrupt,
  stopped,
  interrupted,
  name_in_use,
  not_found,
  no_permission,
  bad_name,
  bad_argument,
  too_many_endpoints,
  cannot_probe,
  would_deadlock,
  busy,
  system,
};

/// The code as a word, e.g. "no_space".
std::string_view to_string(Errc code) noexcept;

/// The root of every exception that this library throws.
///
/// The text says what failed and its name, then why with both values, then what to do.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& text) : std::runtime_error(text), code_(code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

namespace detail {
/// One class per code, so that a catch clause can name what it handles.
template <Errc kCode>
class CodedError : public Error {
 public:
  explicit CodedError(const std::string& text) : Error(kCode, text) {}
};
}  // namespace detail

/// The endpoint or the queue is closed: nothing was appended, no endpoint was made.
using Closed = detail::CodedError<Errc::closed>;
/// The queue is closed and every consumer has left: what is put now would never be read.
using NoConsumers = detail::CodedError<Errc::no_consumers>;
/// The item cannot fit: the text has its size and the limit.
using TooLarge = detail::CodedError<Errc::too_large>;
/// The queue carries items of another type: the text describes both.
using WrongType = detail::CodedError<Errc::wrong_type>;
/// An object that was inherited through fork() was used in the child.
using WrongProcess = detail::CodedError<Errc::wrong_process>;
/// An existing queue has other options than the caller requires.
using WrongOptions = detail::CodedError<Errc::wrong_options>;
/// The segment was written by another version of the format.
using WrongVersion = detail::CodedError<Errc::wrong_version>;
/// Shared memory is exhausted: the text says what was needed and what there is.
using NoSpace = detail::CodedError<Errc::no_space>;
/// The segment holds something that cannot be true. Nothing outside it was touched.
using Corrupt = detail::CodedError<Errc::corrupt>;
/// Somebody called stop().
using Stopped = detail::CodedError<Errc::stopped>;
/// A signal asked for the end while join() waited.
using Interrupted = detail::CodedError<Errc::interrupted>;
/// create_only found the name taken.
using NameInUse = detail::CodedError<Errc::name_in_use>;
/// open_only found no queue of that name.
using NotFound = detail::CodedError<Errc::not_found>;
/// The file system refuses, or the file belongs to somebody else.
using NoPermission = detail::CodedError<Errc::no_permission>;
/// The name has characters or a length that no queue can have.
using BadName = detail::CodedError<Errc::bad_name>;
/// An option or argument is outside its range: the text has the value and the range.
using BadArgument = detail::CodedError<Errc::bad_argument>;
/// All endpoints of the queue are in use by live processes.
using TooManyEndpoints = detail::CodedError<Errc::too_many_endpoints>;
/// This process can no longer ask the kernel who is alive (its file descriptors were closed).
using CannotProbe = detail::CodedError<Errc::cannot_probe>;
/// The call could only wait for its own caller.
using WouldDeadlock = detail::CodedError<Errc::would_deadlock>;
/// Another process is creating or removing the same name: try again.
using Busy = detail::CodedError<Errc::busy>;

/// A producer was killed or left without closing. Everything that it put has been delivered.
class ProducerDied : public Error {
 public:
  ProducerDied(const std::string& text, int pid) : Error(Errc::producer_died, text), pid_(pid) {}
  /// The process id as the producer saw it, in its own pid namespace.
  int pid() const noexcept { return pid_; }

 private:
  int pid_;
};

/// A producer ended by an exception. Everything that it put has been delivered.
class ProducerFailed : public Error {
 public:
  ProducerFailed(const std::string& text, int pid)
      : Error(Errc::producer_failed, text), pid_(pid) {}
  /// The process id as the producer saw it, in its own pid namespace.
  int pid() const noexcept { return pid_; }

 private:
  int pid_;
};

/// A system call failed in a way that has no class of its own: the text names call and errno.
class SystemError : public Error {
 public:
  SystemError(const std::string& text, int error_number)
      : Error(Errc::system, text), error_number_(error_number) {}
  int error_number() const noexcept { return error_number_; }

 private:
  int error_number_;
};

}  // namespace iq
