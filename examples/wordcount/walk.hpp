// The regular files below a directory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace wordcount {

using Report = std::function<void(const std::string&)>;

/// Calls `found` with each regular file; symbolic links are neither followed nor files. What
/// cannot be looked into goes to `unreadable`, as `path: reason`, and the walk goes on.
void walk(const std::filesystem::path& root, const Report& found, const Report& unreadable);

}  // namespace wordcount
