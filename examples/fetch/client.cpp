#include "client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <regex>

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;

Page get_page(const std::string& url) {
  static const std::regex parts("http://([^:/]+):([0-9]+)(/.*)");
  std::smatch found;
  if (!std::regex_match(url, found, parts)) throw std::invalid_argument("no url for this: " + url);
  boost::asio::io_context context;
  tcp::resolver resolver(context);
  beast::tcp_stream stream(context);
  stream.connect(resolver.resolve(found[1].str(), found[2].str()));
  http::request<http::empty_body> request{http::verb::get, found[3].str(), 11};
  request.set(http::field::host, found[1].str());
  request.set(http::field::connection, "close");
  http::write(stream, request);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  http::read(stream, buffer, response);
  if (response.result() == http::status::service_unavailable) throw Unavailable(url);
  return {url, static_cast<int>(response.result_int()), response.body()};
}
