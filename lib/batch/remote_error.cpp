// Errors between processes. Nothing is thrown across one: an exception becomes its type's name, its
// text and, where it has one, its code. Types of std and of this library are made again on the
// other side, exactly; of all others only RemoteError can speak, since the program there may not
// even know them. A type derived from one of std's is one of the others.
#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <utility>

#include "base/standard_error.hpp"
#include "batch/wire.hpp"
#include "iq/error.hpp"

namespace iq::detail {
namespace {

enum class ErrorKind : std::uint32_t { other, standard, system, ours };

struct ErrorHead {
  ErrorKind kind;
  std::int32_t code;   ///< system: the value; ours: the Errc
  std::int32_t extra;  ///< ours: pid or errno
  std::uint32_t type_bytes;
};

std::string type_of(const std::type_info& type) {
  int status = 0;
  char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = status == 0 && text != nullptr ? text : type.name();
  std::free(text);
  return name;
}

template <class E>
std::exception_ptr make_with_text(const std::string& text) {
  return std::make_exception_ptr(E(text));
}
/// The class of this library that has the code.
std::exception_ptr make_ours(Errc code, const std::string& text, int extra) {
  switch (code) {
    case Errc::closed: return make_with_text<Closed>(text);
    case Errc::no_consumers: return make_with_text<NoConsumers>(text);
    case Errc::too_large: return make_with_text<TooLarge>(text);
    case Errc::wrong_type: return make_with_text<WrongType>(text);
    case Errc::wrong_process: return make_with_text<WrongProcess>(text);
    case Errc::wrong_options: return make_with_text<WrongOptions>(text);
    case Errc::wrong_version: return make_with_text<WrongVersion>(text);
    case Errc::no_space: return make_with_text<NoSpace>(text);
    case Errc::corrupt: return make_with_text<Corrupt>(text);
    case Errc::stopped: return make_with_text<Stopped>(text);
    case Errc::interrupted: return make_with_text<Interrupted>(text);
    case Errc::name_in_use: return make_with_text<NameInUse>(text);
    case Errc::not_found: return make_with_text<NotFound>(text);
    case Errc::no_permission: return make_with_text<NoPermission>(text);
    case Errc::bad_name: return make_with_text<BadName>(text);
    case Errc::bad_argument: return make_with_text<BadArgument>(text);
    case Errc::too_many_endpoints: return make_with_text<TooManyEndpoints>(text);
    case Errc::cannot_probe: return make_with_text<CannotProbe>(text);
    case Errc::would_deadlock: return make_with_text<WouldDeadlock>(text);
    case Errc::busy: return make_with_text<Busy>(text);
    case Errc::server_died: return make_with_text<ServerDied>(text);
    case Errc::producer_died: return std::make_exception_ptr(ProducerDied(text, extra));
    case Errc::producer_failed: return std::make_exception_ptr(ProducerFailed(text, extra));
    case Errc::system: return std::make_exception_ptr(SystemError(text, extra));
    default: return std::make_exception_ptr(Error(code, text));
  }
}

int extra_of(const Error& error) {
  if (const auto* died = dynamic_cast<const ProducerDied*>(&error)) return died->pid();
  if (const auto* failed = dynamic_cast<const ProducerFailed*>(&error)) return failed->pid();
  if (const auto* system = dynamic_cast<const SystemError*>(&error)) return system->error_number();
  return 0;
}

struct Described {
  ErrorHead head{ErrorKind::other, 0, 0, 0};
  std::string type;
  std::string text;
};

void describe_standard(Described& d, const std::exception& error) {
  d.type = type_of(typeid(error));
  d.text = error.what();
  for (const StandardError& known : standard_errors()) {
    if (known.type != typeid(error)) continue;
    d.head.kind = ErrorKind::standard;
    d.type = known.name;
  }
}

Described describe(const std::exception_ptr& error) {
  Described d;
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& remote) {  // from further away: as it was there
    d.type = remote.type();
    d.text = remote.text();
  } catch (const Error& ours) {
    d.head = {ErrorKind::ours, static_cast<std::int32_t>(ours.code()), extra_of(ours), 0};
    d.text = ours.what();
  } catch (const std::system_error& system) {
    describe_standard(d, system);
    const bool exact = typeid(system) == typeid(std::system_error);
    if (exact && (system.code().category() == std::generic_category() ||
                  system.code().category() == std::system_category())) {
      const bool is_system = system.code().category() == std::system_category();
      d.head = {ErrorKind::system, system.code().value(), is_system, 0};
    }
  } catch (const std::exception& standard) {
    describe_standard(d, standard);
  } catch (const std::string& text) {
    d.type = "std::string";
    d.text = text;
  } catch (const char* text) {
    d.type = "const char*";
    d.text = text != nullptr ? text : "";
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    d.type = type != nullptr ? type_of(*type) : "unknown";
  }
  return d;
}

/// The text of a system_error without the words that its constructor adds again.
std::string without_suffix(const std::string& text, const std::error_code& code) {
  const std::string suffix = ": " + code.message();
  if (text.size() >= suffix.size() && text.ends_with(suffix)) {
    return text.substr(0, text.size() - suffix.size());
  }
  return text == code.message() ? std::string() : text;
}

std::exception_ptr make_system(const ErrorHead& head, const std::string& text) {
  const std::error_code code(head.code,
                             head.extra != 0 ? std::system_category() : std::generic_category());
  const std::string before = without_suffix(text, code);
  return before.empty() ? std::make_exception_ptr(std::system_error(code))
                        : std::make_exception_ptr(std::system_error(code, before));
}

}  // namespace

std::vector<std::byte> encode_error(const std::exception_ptr& error) {
  constexpr std::size_t kLongestText = 16 * 1024;
  Described d = describe(error);
  d.text.resize(std::min(d.text.size(), kLongestText));
  d.head.type_bytes = static_cast<std::uint32_t>(d.type.size());
  std::vector<std::byte> bytes(sizeof d.head + d.type.size() + d.text.size());
  std::byte* at = bytes.data();
  std::memcpy(at, &d.head, sizeof d.head);
  std::memcpy(at += sizeof d.head, d.type.data(), d.type.size());
  std::memcpy(at += d.type.size(), d.text.data(), d.text.size());
  return bytes;
}

std::exception_ptr decode_error(std::span<const std::byte> bytes) {
  WireReader in(bytes);
  const auto head = in.read<ErrorHead>();
  const auto text_of = [](std::span<const std::byte> part) {
    return std::string(reinterpret_cast<const char*>(part.data()), part.size());
  };
  const std::string type = text_of(in.take(head.type_bytes));
  const std::string text = text_of(in.take(in.left()));
  if (head.kind == ErrorKind::ours) {
    return make_ours(static_cast<Errc>(head.code), text, head.extra);
  }
  if (head.kind == ErrorKind::system) return make_system(head, text);
  if (head.kind == ErrorKind::standard) {
    if (std::exception_ptr made = make_standard_error(type, text)) return made;
  }
  return std::make_exception_ptr(RemoteError(type, text));
}

}  // namespace iq::detail
