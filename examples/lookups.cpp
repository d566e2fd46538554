// Eight worker processes look up users by id in one SQLite database: first one query per user, then
// through a batched function that asks for all ids of a batch with one SELECT … WHERE id IN (…).
//
//     lookups [LOOKUPS PER WORKER]
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "iq/iq.hpp"

namespace {

constexpr int kWorkers = 8;
constexpr int kUsers = 20'000;

struct User {
  int id;
  std::string name;
};

std::string name_for(int id) {
  std::string name = "user ";
  return name += std::to_string(id);
}

/// A connection. Not for use across fork(): each process opens its own.
class Database {
 public:
  explicit Database(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) fail("open");
    sqlite3_busy_timeout(db_, 10'000);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { sqlite3_close(db_); }

  void run(const std::string& sql) {
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
  }

  /// One query, for one id or many.
  std::map<int, std::string> names_of(std::span<const int> ids) {
    std::string sql = "SELECT id, name FROM users WHERE id IN (";
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i != 0) sql += ',';
      sql += std::to_string(ids[i]);
    }
    sql += ')';
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
      fail("SELECT");
    }
    const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> owner(statement,
                                                                           sqlite3_finalize);
    std::map<int, std::string> names;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      names[sqlite3_column_int(statement, 0)] =
          reinterpret_cast<const char*>(sqlite3_column_text(statement, 1));
    }
    return names;
  }

 private:
  [[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + sqlite3_errmsg(db_));
  }
  sqlite3* db_ = nullptr;
};

/// The database of this process.
Database& database(const std::string& path) {
  static std::optional<Database> opened;
  static pid_t opener = 0;
  if (opener != ::getpid()) {
    opened.emplace(path);
    opener = ::getpid();
  }
  return *opened;
}

void fill(const std::string& path) {
  Database db(path);
  db.run(
      "PRAGMA journal_mode = OFF; BEGIN; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
  for (int i = 0; i < kUsers; ++i) {
    std::string sql = "INSERT INTO users VALUES (";
    sql += std::to_string(i);
    sql += ", '";
    sql += name_for(i);
    sql += "')";
    db.run(sql);
  }
  db.run("COMMIT");
}

/// How many queries there were and how long it took.
template <class Lookup>
void measure(const char* what, iq::IterableQueue<int>& queries, int lookups, Lookup&& lookup) {
  const auto begun = std::chrono::steady_clock::now();
  {
    const iq::BatchContext context;
    iq::WorkerGroup crew;
    crew.fork(kWorkers, [&](int id) {
      std::vector<int> ids;
      for (int i = 0; i < lookups; ++i) ids.push_back((id * 7919 + i * 104'729) % kUsers);
      lookup(ids);
    });
    crew.join();
  }
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
  std::uint64_t count = 0;
  auto counted = queries.get_consumer();
  while (counted.try_get()) ++count;
  std::printf("%-28s %8d lookups %8llu queries %8.0f ms\n", what, kWorkers * lookups,
              static_cast<unsigned long long>(count), took.count());
  std::fflush(stdout);
}

void check(int id, const std::string& name) {
  if (name != name_for(id)) throw std::runtime_error("a wrong name: " + name);
}

}  // namespace

int main(int argc, char** argv) {
  const int lookups = argc > 1 ? std::atoi(argv[1]) : 2'000;
  std::string folder_name = "lookups.";
  folder_name += std::to_string(::getpid());
  const auto folder = std::filesystem::temp_directory_path() / folder_name;
  std::filesystem::create_directory(folder);
  const std::string path = folder / "users.sqlite";
  fill(path);
  iq::IterableQueue<int> queries({.capacity = 1 << 18});  // one item per query that was made
  const auto note_query = [&queries] {
    static std::optional<iq::Producer<int>> out;
    static pid_t opener = 0;
    if (opener != ::getpid()) {
      queries.adopt();
      out.emplace(queries.get_producer());
      opener = ::getpid();
    }
    out->put(1);
  };

  iq::batched<std::string(int)> name_of{
      [&](std::span<const int> ids) {
        note_query();
        const auto names = database(path).names_of(ids);
        std::vector<iq::Outcome<std::string>> results;
        for (const int id : ids) {
          const auto found = names.find(id);
          if (found != names.end()) {
            results.emplace_back(found->second);
          } else {
            results.push_back(iq::Outcome<std::string>::failure(std::out_of_range("no such user")));
          }
        }
        return results;
      },
      {.max_size = 500}};

  measure("one query per user", queries, lookups, [&](const std::vector<int>& ids) {
    for (const int id : ids) {
      note_query();
      check(id, database(path).names_of({{id}}).at(id));
    }
  });
  measure("batched, one call at a time", queries, lookups, [&](const std::vector<int>& ids) {
    for (const int id : ids) check(id, name_of(id));
  });
  measure("batched, tasks", queries, lookups, [&](const std::vector<int>& ids) {
    iq::TaskPool pool(100);
    const auto names = pool.pmap([&](int id) { return name_of(id); }, ids);
    for (std::size_t i = 0; i < ids.size(); ++i) check(ids[i], names[i]);
  });
  std::filesystem::remove_all(folder);
}
