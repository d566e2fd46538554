// Errors: everything that is not an expected outcome is an exception derived from iq::Error.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "iq/detail/api.hpp"

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
  pipeline_failed,
  server_died,
  remote,
};

/// The code as a word, e.g. "no_space".
IQ_API std::string_view to_string(Errc code) noexcept;

/// The root of every exception that this library throws.
///
/// The text says what failed and its name, then why with both values, then what to do.
class IQ_API Error : public std::runtime_error {
 public:
  /// Called by the classes below.
  Error(Errc code, const std::string& text) : std::runtime_error(text), code_(code) {}
  /// What went wrong, for programs; what() is for people.
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

namespace detail {
/// One class per code, so that a catch clause can name what it handles.
template <Errc kCode>
class IQ_API CodedError : public Error {
 public:
  /// With a text as Error has it.
  explicit CodedError(const std::string& text) : Error(kCode, text) {}
};
}  // namespace detail

/// The endpoint or the queue is closed: nothing was appended, no endpoint was made.
class Closed : public detail::CodedError<Errc::closed> {
  using CodedError::CodedError;
};
/// The queue is closed and every consumer has left: what is put now would never be read.
class NoConsumers : public detail::CodedError<Errc::no_consumers> {
  using CodedError::CodedError;
};
/// The item cannot fit: the text has its size and the limit.
class TooLarge : public detail::CodedError<Errc::too_large> {
  using CodedError::CodedError;
};
/// The queue carries items of another type: the text describes both.
class WrongType : public detail::CodedError<Errc::wrong_type> {
  using CodedError::CodedError;
};
/// An object that was inherited through fork() was used in the child.
class WrongProcess : public detail::CodedError<Errc::wrong_process> {
  using CodedError::CodedError;
};
/// An existing queue has other options than the caller requires.
class WrongOptions : public detail::CodedError<Errc::wrong_options> {
  using CodedError::CodedError;
};
/// The segment was written by another version of the format.
class WrongVersion : public detail::CodedError<Errc::wrong_version> {
  using CodedError::CodedError;
};
/// Shared memory is exhausted: the text says what was needed and what there is.
class NoSpace : public detail::CodedError<Errc::no_space> {
  using CodedError::CodedError;
};
/// The segment holds something that cannot be true. Nothing outside it was touched.
class Corrupt : public detail::CodedError<Errc::corrupt> {
  using CodedError::CodedError;
};
/// Somebody called stop().
class Stopped : public detail::CodedError<Errc::stopped> {
  using CodedError::CodedError;
};
/// A signal asked for the end while join() waited.
class Interrupted : public detail::CodedError<Errc::interrupted> {
  using CodedError::CodedError;
};
/// create_only found the name taken.
class NameInUse : public detail::CodedError<Errc::name_in_use> {
  using CodedError::CodedError;
};
/// open_only found no queue of that name.
class NotFound : public detail::CodedError<Errc::not_found> {
  using CodedError::CodedError;
};
/// The file system refuses, or the file belongs to somebody else.
class NoPermission : public detail::CodedError<Errc::no_permission> {
  using CodedError::CodedError;
};
/// The name has characters or a length that no queue can have.
class BadName : public detail::CodedError<Errc::bad_name> {
  using CodedError::CodedError;
};
/// An option or argument is outside its range: the text has the value and the range.
class BadArgument : public detail::CodedError<Errc::bad_argument> {
  using CodedError::CodedError;
};
/// All endpoints of the queue are in use by live processes.
class TooManyEndpoints : public detail::CodedError<Errc::too_many_endpoints> {
  using CodedError::CodedError;
};
/// This process can no longer ask the kernel who is alive (its file descriptors were closed).
class CannotProbe : public detail::CodedError<Errc::cannot_probe> {
  using CodedError::CodedError;
};
/// The call could only wait for its own caller.
class WouldDeadlock : public detail::CodedError<Errc::would_deadlock> {
  using CodedError::CodedError;
};
/// Another process is creating or removing the same name: try again.
class Busy : public detail::CodedError<Errc::busy> {
  using CodedError::CodedError;
};

/// The process that served a batched call died before it answered. The call may have had effects.
class ServerDied : public detail::CodedError<Errc::server_died> {
  using CodedError::CodedError;
};

/// An exception of another process whose type is neither std's nor this library's.
class IQ_API RemoteError : public Error {
 public:
  /// With the type's name and the text, as they were there.
  RemoteError(const std::string& type, const std::string& text)
      : Error(Errc::remote, text.empty() ? type : type + ": " + text), type_(type), text_(text) {}
  /// The name of the type.
  const std::string& type() const noexcept { return type_; }
  /// Its what(); of a text that was thrown, the text; else empty.
  const std::string& text() const noexcept { return text_; }

 private:
  std::string type_;
  std::string text_;
};

/// A producer was killed or left without closing. Everything that it put has been delivered.
class IQ_API ProducerDied : public Error {
 public:
  /// With a text as Error has it.
  ProducerDied(const std::string& text, int pid) : Error(Errc::producer_died, text), pid_(pid) {}
  /// The process id as the producer saw it, in its own pid namespace.
  int pid() const noexcept { return pid_; }

 private:
  int pid_;
};

/// A producer ended by an exception. Everything that it put has been delivered.
class IQ_API ProducerFailed : public Error {
 public:
  /// With a text as Error has it.
  ProducerFailed(const std::string& text, int pid)
      : Error(Errc::producer_failed, text), pid_(pid) {}
  /// The process id as the producer saw it, in its own pid namespace.
  int pid() const noexcept { return pid_; }

 private:
  int pid_;
};

/// A system call failed in a way that has no class of its own: the text names call and errno.
class IQ_API SystemError : public Error {
 public:
  /// With a text as Error has it.
  SystemError(const std::string& text, int error_number)
      : Error(Errc::system, text), error_number_(error_number) {}
  /// The errno of the call.
  int error_number() const noexcept { return error_number_; }

 private:
  int error_number_;
};

}  // namespace iq
