// Names of the error codes, in the words that the documentation uses.
#include "iq/error.hpp"

namespace iq {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::closed: return "closed";
    case Errc::no_consumers: return "no_consumers";
    case Errc::producer_died: return "producer_died";
    case Errc::producer_failed: return "producer_failed";
    case Errc::worker_failed: return "worker_failed";
    case Errc::too_large: return "too_large";
    case Errc::wrong_type: return "wrong_type";
    case Errc::wrong_process: return "wrong_process";
    case Errc::wrong_options: return "wrong_options";
    case Errc::wrong_version: return "wrong_version";
    case Errc::no_space: return "no_space";
    case Errc::corrupt: return "corrupt";
    case Errc::stopped: return "stopped";
    case Errc::interrupted: return "interrupted";
    case Errc::name_in_use: return "name_in_use";
    case Errc::not_found: return "not_found";
    case Errc::no_permission: return "no_permission";
    case Errc::bad_name: return "bad_name";
    case Errc::bad_argument: return "bad_argument";
    case Errc::too_many_endpoints: return "too_many_endpoints";
    case Errc::cannot_probe: return "cannot_probe";
    case Errc::would_deadlock: return "would_deadlock";
    case Errc::busy: return "busy";
    case Errc::system: return "system";
    case Errc::pipeline_failed: return "pipeline_failed";
    case Errc::server_died: return "server_died";
    case Errc::remote: return "remote";
  }
  return "unknown";
}

}  // namespace iq
