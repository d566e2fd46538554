// The example programs as a user runs them: exec, files for output, exit codes.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/process.hpp"

namespace iqtest {

/// The tests are built beside the programs that they run.
inline std::string example(const std::string& name) {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
  if (!std::filesystem::exists(path)) throw std::runtime_error(path.string() + " is not built");
  return path.string();
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// A folder of the case's own.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "iqtest-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// A program that runs, its output in files that can be read at any time.
class Program {
 public:
  /// `become`: called in the child before exec.
  template <class F>
  Program(const std::vector<std::string>& words, F become) {
    child_ = spawn([&] {
      become();
      redirect(STDOUT_FILENO, "out");
      redirect(STDERR_FILENO, "err");
      run(words);
    });
  }
  explicit Program(const std::vector<std::string>& words) : Program(words, [] {}) {}

  std::string out() const { return read_file(files_ / "out"); }
  std::string err() const { return read_file(files_ / "err"); }
  Child& child() { return child_; }
  Exit wait() { return child_.wait(); }

  [[noreturn]] static void run(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }

 private:
  void redirect(int number, const char* name) {
    const int file = ::open((files_ / name).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    require(file >= 0 && ::dup2(file, number) == number, "output can be redirected");
    ::close(file);
  }

  Folder files_;
  Child child_;
};

}  // namespace iqtest
