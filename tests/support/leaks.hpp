// What a case must not leave behind.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace iqtest {

struct Snapshot {
  std::map<int, std::string> descriptors;  ///< number -> what it is open on
  std::set<std::string> shared_files;      ///< in /dev/shm
};

Snapshot take_snapshot();

/// Memory of this process that is resident.
long resident_kib();

/// One line for each thing that is there now and was not before: descriptors, files of this test in
/// /dev/shm (by the token of temp_name), child processes, living or zombie. Removes files and
/// children, so that the next case starts clean.
std::vector<std::string> leaks_since(const Snapshot& before);

}  // namespace iqtest
