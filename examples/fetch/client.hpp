// Asks for pages.
#pragma once

#include <stdexcept>
#include <string>

struct Page {
  std::string url;
  int status = 0;
  std::string text;
};

/// The server answered 503: it may be asked again.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Gets `http://HOST:PORT/TARGET`. Errors: Unavailable; std::invalid_argument for another kind of
/// url; what the network says.
Page get_page(const std::string& url);
