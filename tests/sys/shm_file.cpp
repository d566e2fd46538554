// Names and files: whole or absent, and never somebody else's.
#include "sys/shm_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "iq/error.hpp"
#include "support/process.hpp"

using iq::detail::create_anonymous;
using iq::detail::create_unnamed;
using iq::detail::Fd;
using iq::detail::file_id;
using iq::detail::link_name;
using iq::detail::named_file_id;
using iq::detail::open_named;
using iq::detail::shm_path;
using iq::detail::unlink_name;
using iqtest::Child;
using iqtest::require;
using iqtest::spawn;

namespace {

constexpr uid_t kNobody = 65534;

struct stat status_of(const Fd& file) {
  struct stat status {};
  ::fstat(file.get(), &status);
  return status;
}

/// A name whose file, whatever it is, goes at the end.
class Name {
 public:
  Name() : name_(iqtest::temp_name("file")), path_(shm_path(name_)) {}
  Name(const Name&) = delete;
  Name& operator=(const Name&) = delete;
  ~Name() {
    if (::unlink(path_.c_str()) != 0) ::rmdir(path_.c_str());
  }
  operator std::string_view() const noexcept { return name_; }
  const char* path() const noexcept { return path_.c_str(); }

 private:
  std::string name_;
  std::string path_;
};

std::string refusal(const Name& name) {
  try {
    open_named(name);
  } catch (const iq::NoPermission& error) {
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("shm_path: a prefix and the name") {
  CHECK(shm_path("jobs") == "/dev/shm/iq.jobs");
  CHECK(shm_path("A-z_0.9") == "/dev/shm/iq.A-z_0.9");
  CHECK(shm_path(std::string(200, 'a')).size() == 212);
  CHECK(shm_path("...") == "/dev/shm/iq....");
}

TEST_CASE("shm_path: refuses what no queue can be called") {
  for (const char* bad : {"", ".", "..", "a/b", "/a", "../x", "a b", "a\n", "ä", "a:b", "~"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(shm_path(bad), iq::BadName);
  }
  CHECK_THROWS_AS(shm_path(std::string(201, 'a')), iq::BadName);
  CHECK_THROWS_AS(shm_path(std::string_view("a\0b", 3)), iq::BadName);
  CHECK_THROWS_WITH_AS(shm_path("a\nb"), doctest::Contains("\"a\\nb\""), iq::BadName);
}

TEST_CASE("create_anonymous: sized, sparse, private, sealed against a change of size") {
  const Fd file = create_anonymous(1'000'000);
  const struct stat status = status_of(file);
  CHECK(status.st_size == 1'000'000);
  CHECK(status.st_blocks == 0);
  CHECK((status.st_mode & 07777U) == 0600);
  CHECK(file.get() >= 100);
  CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(::ftruncate(file.get(), 10) != 0);
  CHECK(::ftruncate(file.get(), 2'000'000) != 0);
  CHECK(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE) != 0);
}

TEST_CASE("create_unnamed: exactly the mode, whatever the umask, and no name") {
  const mode_t before = ::umask(077);
  const Fd file = create_unnamed(8192, 0664);
  ::umask(before);
  const struct stat status = status_of(file);
  CHECK((status.st_mode & 07777U) == 0664);
  CHECK(status.st_size == 8192);
  CHECK(status.st_blocks == 0);
  CHECK(status.st_nlink == 0);
}

TEST_CASE("create: RLIMIT_FSIZE is an error with both values, not SIGXFSZ") {
  for (const bool anonymous : {true, false}) {
    Child child = spawn([anonymous] {
      const rlimit limit{65'536, 65'536};
      require(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
      try {
        if (anonymous) create_anonymous(65'537);
        if (!anonymous) create_unnamed(65'537, 0600);
        require(false, "it was refused");
      } catch (const iq::NoSpace& error) {
        require(has(error.what(), "needs 65537 bytes, RLIMIT_FSIZE allows 65536"), error.what());
      }
      create_anonymous(65'536);
      create_unnamed(65'536, 0600);
    });
    CHECK(child.wait().ok());
  }
}

TEST_CASE("create: a size that no file can have is NoSpace") {
  CHECK_THROWS_AS(create_anonymous(UINT64_MAX), iq::NoSpace);
  CHECK_THROWS_AS(create_unnamed(UINT64_MAX / 2 + 1, 0600), iq::NoSpace);
}

TEST_CASE("link_name: the name is absent before and whole after, and taken only once") {
  const Name name;
  const Fd file = create_unnamed(4096, 0600);
  CHECK_FALSE(named_file_id(name).has_value());
  CHECK_FALSE(open_named(name).has_value());
  CHECK(link_name(file, name));
  CHECK(named_file_id(name) == file_id(file.get()));
  const Fd late = create_unnamed(4096, 0600);
  CHECK_FALSE(link_name(late, name));
  CHECK(named_file_id(name) == file_id(file.get()));
  const std::optional<Fd> opened = open_named(name);
  REQUIRE(opened.has_value());
  CHECK(file_id(opened->get()) == file_id(file.get()));
  CHECK((::fcntl(opened->get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("link_name: of many who race for a name one wins") {
  const Name name;
  iqtest::Flag go;
  const auto won = iqtest::shared_counter();
  std::vector<Child> racers;
  for (int i = 0; i < 6; ++i) {
    racers.push_back(spawn([&] {
      const Fd file = create_unnamed(4096, 0600);
      go.wait();
      if (link_name(file, name)) won->fetch_add(1);
    }));
  }
  go.set();
  for (Child& racer : racers) CHECK(racer.wait().ok());
  CHECK(won->load() == 1);
}

TEST_CASE("create_unnamed: a creator that is killed before the name leaves nothing") {
  const Name name;
  iqtest::Gate created;
  Child creator = spawn([&] {
    const Fd file = create_unnamed(4096, 0600);
    created.post();
    ::pause();
  });
  created.wait();
  creator.kill_and_wait();
  CHECK_FALSE(named_file_id(name).has_value());
}

TEST_CASE("open_named: a symbolic link is refused, wherever it leads") {
  const Name name;
  REQUIRE(::symlink("/dev/zero", name.path()) == 0);
  CHECK(has(refusal(name), "is a symbolic link, not a regular file"));
  ::unlink(name.path());
  REQUIRE(::symlink("/nowhere/at/all", name.path()) == 0);
  CHECK(has(refusal(name), "is a symbolic link, not a regular file"));
}

TEST_CASE("open_named: FIFO, directory, socket are refused without waiting for anybody") {
  const Name name;
  REQUIRE(::mkfifo(name.path(), 0600) == 0);
  CHECK(has(refusal(name), "is a FIFO, not a regular file"));
  ::unlink(name.path());
  REQUIRE(::mkdir(name.path(), 0700) == 0);
  CHECK(has(refusal(name), "is a directory, not a regular file"));
  ::rmdir(name.path());
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, name.path(), sizeof address.sun_path - 1);
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(has(refusal(name), "is a socket, not a regular file"));
}

TEST_CASE("open_named: another user's file is refused, root's is not") {
  if (::geteuid() != 0) iqtest::skip("only root can make files of other users");
  const Name foreign;
  const Fd file = create_unnamed(4096, 0666);
  REQUIRE(link_name(file, foreign));
  const Name closed;
  REQUIRE(link_name(create_unnamed(4096, 0600), closed));
  Child child = spawn([&] {
    require(::setgid(kNobody) == 0 && ::setuid(kNobody) == 0, "setuid");
    require(open_named(foreign).has_value(), "root's file with a mode that lets all in");
    require(has(refusal(closed), "has mode 0600 and owner 0, this process runs as user 65534"),
            "root's file that is closed to others");
  });
  CHECK(child.wait().ok());
  REQUIRE(::chown(foreign.path(), kNobody, kNobody) == 0);
  CHECK(has(refusal(foreign), "belongs to user 65534, this process runs as user 0"));
}

TEST_CASE("unlink_name: removes the name only while it stands for that file") {
  const Name name;
  const Fd file = create_unnamed(4096, 0600);
  const Fd other = create_unnamed(4096, 0600);
  CHECK_FALSE(unlink_name(name, file_id(file.get())));
  REQUIRE(link_name(file, name));
  CHECK_FALSE(unlink_name(name, file_id(other.get())));
  CHECK(named_file_id(name).has_value());
  CHECK(unlink_name(name, file_id(file.get())));
  CHECK_FALSE(named_file_id(name).has_value());
  CHECK_FALSE(unlink_name(name, file_id(file.get())));
}

TEST_CASE("look_at_name, names_in_shm, open_to_read: what there is, without touching it") {
  const Name name;
  CHECK_FALSE(iq::detail::look_at_name(name));
  CHECK_FALSE(iq::detail::open_to_read(name));
  const Fd file = create_unnamed(8192, 0640);
  REQUIRE(link_name(file, name));
  const auto seen = iq::detail::look_at_name(name);
  REQUIRE(seen);
  CHECK(seen->id == file_id(file.get()));
  CHECK(seen->mode == 0640);
  CHECK(seen->owner == ::geteuid());
  CHECK(seen->bytes == 8192);
  CHECK(seen->reserved_bytes == 0);
  const auto names = iq::detail::names_in_shm();
  CHECK(std::ranges::find(names, std::string_view(name)) != names.end());
  const auto opened = iq::detail::open_to_read(name);
  REQUIRE(opened);
  CHECK(::write(opened->get(), "x", 1) == -1);
}

TEST_CASE("create_unnamed: a directory that is not there, and one that is closed") {
  Child child = spawn([] {
    iq::detail::set_shm_directory_for_test("/nowhere/at/all");
    try {
      create_unnamed(1, 0600);
      require(false, "it was refused");
    } catch (const iq::SystemError& error) {
      require(has(error.what(), "/nowhere/at/all"), error.what());
    }
    iq::detail::set_shm_directory_for_test("/proc");
    bool refused = false;
    try {
      create_unnamed(1, 0600);
    } catch (const iq::Error&) {
      refused = true;
    }
    require(refused, "no file in /proc");
  });
  CHECK(child.wait().ok());
}
