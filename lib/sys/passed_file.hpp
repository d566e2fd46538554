// An open file on its way into a program that is about to be executed.
#pragma once

#include <string>

#include "sys/fd.hpp"

namespace iq::detail {

/// How another program finds a file: tried in this order, and believed only by `id`.
struct PassedFile {
  FileId id;
  int number = -1;         ///< of the descriptor that it inherits
  int holder = 0;          ///< a process that has the file open meanwhile,
  int holder_number = -1;  ///< under this number
  std::string name;        ///< of a named queue
};

/// A copy of the descriptor that exec does not close, under a high number; -1 when there is none to
/// be had. For a child that is about to call exec and has one thread.
int inheritable_copy(int fd) noexcept;

/// The file in the new program; an empty Fd when nothing leads to it. The inherited descriptor is
/// close-on-exec from then on.
Fd take_passed_file(const PassedFile& file) noexcept;

}  // namespace iq::detail
