// A small web server on the loopback, which is sometimes too busy to answer.
#pragma once

#include <string>

/// Listens from its construction on; serves in the process that calls run().
class PageServer {
 public:
  PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;
  ~PageServer();

  /// Listens no longer in this process: the one that serves does.
  void leave();

  unsigned short port() const { return port_; }

  /// Answers until somebody asks for /quit. /N is a page; each third one is refused with 503 when
  /// it is asked for the first time. Anything else is 404.
  void run() const;

 private:
  int listener_;
  unsigned short port_;
};
