// A file's mapping by Boost.Interprocess, over a handle that is just a descriptor: that library's
// own shared_memory_object would open by name, follow links and know nothing of memfd.
//
// Refuses: an empty mapping, and one that reaches past the end of the file (that would be SIGBUS on
// the first touch instead of an error here).
#include "sys/mapping.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/interprocess/mapped_region.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <utility>

#include "sys/shm_file.hpp"
#include "sys/system_error.hpp"

namespace iq::detail {
namespace {

namespace ipc = boost::interprocess;

#ifndef MADV_POPULATE_WRITE
constexpr int MADV_POPULATE_WRITE = 23;
#endif

/// Makes a descriptor a MemoryMappable of Boost.Interprocess.
struct MappableFd {
  int number;
  ipc::mapping_handle_t get_mapping_handle() const {
    return ipc::ipcdetail::mapping_handle_from_file_handle(number);
  }
};

[[noreturn]] void refuse_mapping(std::uint64_t bytes, int reason) {
  if (reason == ENOMEM) {
    throw NoSpace(
        fmt::format("cannot map shared memory: needs {} bytes of address space: {}. "
                    "Raise the limit (ulimit -v, vm.max_map_count) or use a smaller "
                    "queue",
                    bytes, errno_text(reason)));
  }
  throw_errno("mmap", fmt::format("cannot map {} bytes of shared memory", bytes), reason);
}

ipc::mapped_region map_shared(int fd, std::uint64_t bytes) {
  const std::uint64_t available = file_bytes(fd);
  if (bytes == 0 || bytes > available || bytes > std::numeric_limits<std::size_t>::max() / 2) {
    throw BadArgument(fmt::format("cannot map shared memory: {} bytes are asked for, the file has "
                                  "{}. Ask for at least 1 and at most what is there",
                                  bytes, available));
  }
  try {
    return ipc::mapped_region(MappableFd{fd}, ipc::read_write, 0, static_cast<std::size_t>(bytes));
  } catch (const ipc::interprocess_exception& refused) {
    refuse_mapping(bytes, refused.get_native_error());
  }
}

}  // namespace

struct Mapping::Region {
  ipc::mapped_region mapped;
};

Mapping::Mapping() noexcept = default;

Mapping::Mapping(int fd, std::uint64_t bytes)
    : region_(std::make_unique<Region>(Region{map_shared(fd, bytes)})),
      data_(static_cast<std::byte*>(region_->mapped.get_address())),
      bytes_(bytes) {
  // Best effort: a kernel that cannot leave it out of core dumps still runs the queue.
  ::madvise(data_, static_cast<std::size_t>(bytes_), MADV_DONTDUMP);
}

Mapping Mapping::anonymous(std::uint64_t bytes, int flags) {
  void* place = bytes > std::numeric_limits<std::size_t>::max() / 2
                    ? MAP_FAILED
                    : ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                             flags | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) refuse_mapping(bytes, errno);
  Mapping made;
  made.data_ = static_cast<std::byte*>(place);
  made.bytes_ = bytes;
  ::madvise(place, static_cast<std::size_t>(bytes), MADV_DONTDUMP);
  return made;
}

Mapping Mapping::blank(std::uint64_t bytes) {
  return anonymous(bytes, MAP_PRIVATE | MAP_NORESERVE);
}

Mapping Mapping::inherited(std::uint64_t bytes) { return anonymous(bytes, MAP_SHARED); }

void Mapping::unmap() noexcept {
  if (!region_ && data_ != nullptr) ::munmap(data_, static_cast<std::size_t>(bytes_));
}

Mapping::Mapping(Mapping&& other) noexcept
    : region_(std::move(other.region_)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    unmap();
    region_ = std::move(other.region_);
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

Mapping::~Mapping() { unmap(); }

void Mapping::populate(std::uint64_t offset, std::uint64_t bytes) const noexcept {
  if (offset >= bytes_ || bytes == 0) return;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t end = bytes < bytes_ - offset ? offset + bytes : bytes_;
  const std::uint64_t begin = offset / page * page;
  ::madvise(data_ + begin, static_cast<std::size_t>(end - begin), MADV_POPULATE_WRITE);
}

}  // namespace iq::detail
