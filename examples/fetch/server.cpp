#include "server.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <deque>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;

namespace {

constexpr std::size_t kMostConnections = 64;

// What all connections share.
class Pages {
 public:
  http::response<http::string_body> answer(const std::string& target) {
    http::response<http::string_body> response{http::status::ok, 11};
    const bool is_page =
        target.size() > 1 &&
        std::all_of(target.begin() + 1, target.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_page) {
      response.result(http::status::not_found);
      response.body() = "there is no page " + target + "\n";
    } else if (is_too_busy(target)) {
      response.result(http::status::service_unavailable);
      response.set(http::field::retry_after, "0");
    } else {
      response.body() = "This is page " + target.substr(1) + ".\n";
    }
    response.set(http::field::content_type, "text/plain");
    response.prepare_payload();
    return response;
  }

 private:
  bool is_too_busy(const std::string& target) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a server that has work to do
    const std::lock_guard lock(mutex_);
    return (target.back() - '0') % 3 == 0 && asked_.insert(target).second;
  }

  std::mutex mutex_;
  std::set<std::string> asked_;
};

}  // namespace

// By hand, so that it is there before the fork: Asio has to know of forks, a descriptor has not.
PageServer::PageServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, any, size) != 0 || ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, any, &size) != 0) {
    throw std::runtime_error("no server can be started on the loopback");
  }
  port_ = ntohs(address.sin_port);
}

PageServer::~PageServer() { leave(); }

void PageServer::leave() {
  if (listener_ >= 0) ::close(listener_);
  listener_ = -1;
}

void PageServer::run() const {
  boost::asio::io_context context;
  tcp::acceptor acceptor(context);
  acceptor.assign(tcp::v4(), ::dup(listener_));
  Pages pages;
  std::deque<std::thread> connections;
  for (bool is_wanted = true; is_wanted;) {
    tcp::socket socket = acceptor.accept();
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    beast::error_code error;
    http::read(socket, buffer, request, error);
    if (error) continue;
    const std::string target(request.target());
    is_wanted = target != "/quit";
    if (connections.size() == kMostConnections) {
      connections.front().join();
      connections.pop_front();
    }
    connections.emplace_back([&pages, target, socket = std::move(socket)]() mutable {
      beast::error_code ignored;
      http::write(socket, pages.answer(target), ignored);
      socket.shutdown(tcp::socket::shutdown_both, ignored);
    });
  }
  for (std::thread& connection : connections) connection.join();
}
