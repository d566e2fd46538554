#include "walk.hpp"

#include <system_error>
#include <utility>
#include <vector>

namespace wordcount {

void walk(const std::filesystem::path& root, const Report& found, const Report& unreadable) {
  namespace fs = std::filesystem;
  std::vector<fs::path> directories{root};
  while (!directories.empty()) {
    const fs::path directory = std::move(directories.back());
    directories.pop_back();
    std::error_code error;
    fs::directory_iterator entry(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::error_code unknown;
      const fs::file_type type = entry->symlink_status(unknown).type();
      if (unknown) unreadable(entry->path().string() + ": " + unknown.message());
      if (type == fs::file_type::directory) directories.push_back(entry->path());
      if (type == fs::file_type::regular) found(entry->path().string());
    }
    if (error) unreadable(directory.string() + ": " + error.message());
  }
}

}  // namespace wordcount
