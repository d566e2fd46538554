// A batched function behind BatchFunction: its request queue, and who serves it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "batch/board.hpp"
#include "iq/bytes.hpp"
#include "iq/detail/batch_core.hpp"
#include "iq/queue.hpp"
#include "iq/worker_group.hpp"
#include "sys/fork_guard.hpp"

namespace iq::detail {

/// A mutex that a child of fork() finds free, whichever thread held it in the parent.
class LockOfThisProcess {
 public:
  void lock() noexcept {
    const std::uint64_t mine = process_generation();
    for (;;) {
      std::uint64_t holder = holder_.load(std::memory_order_relaxed);
      if (holder == mine) {
        holder_.wait(holder, std::memory_order_relaxed);
      } else if (holder_.compare_exchange_weak(holder, mine, std::memory_order_acquire)) {
        return;
      }
    }
  }
  void unlock() noexcept {
    holder_.store(0, std::memory_order_release);
    holder_.notify_one();
  }

 private:
  std::atomic<std::uint64_t> holder_{0};  ///< a generation: this process's, 0, or an ancestor's
};

class LocalFunction final : public BatchFunction,
                            public std::enable_shared_from_this<LocalFunction> {
 public:
  LocalFunction(const std::string& name, const BatchType& type, const BatchSettings& settings,
                BatchHandler handler);
  /// Opens the queue of that name; introduce() is to follow. Errors: NotFound, as IterableQueue.
  explicit LocalFunction(const std::string& name);
  ~LocalFunction() override;

  void call(std::span<const std::byte> object, const CallWriter& argument,
            std::shared_ptr<CallResult> result) override;
  std::vector<int> server_pids() override;
  void close() noexcept override;

  /// Asks a server for what the maker knows. Errors: WrongType with both; ServerDied when nobody
  /// serves; NotFound when nobody answers.
  void introduce(const BatchType& type);
  /// For one thread of this process. Errors: Closed, NoSpace, TooManyEndpoints.
  Producer<Bytes> get_producer();
  const BatchSettings& settings() const noexcept { return settings_; }
  /// `batched function "load"` or `a batched function`, for messages.
  std::string description() const;
  /// Empty where it has none.
  const std::string& name() const noexcept { return name_; }
  /// Names it on the board. Never 0.
  std::uint64_t id() const noexcept { return id_; }
  /// The one that its servers see; null when that is not known here.
  const std::shared_ptr<Board>& board() const noexcept { return board_; }
  /// The function of that id in this process; null when there is none.
  static std::shared_ptr<LocalFunction> find(std::uint64_t id);

 private:
  void end_servers() noexcept;
  void wait_until_served();

  std::string name_;
  BatchSettings settings_;
  std::uint64_t id_ = 0;
  std::shared_ptr<Board> board_;
  std::uint64_t maker_ = 0;  ///< the generation that forked the servers
  LockOfThisProcess mutex_;  ///< of the queue object, which several threads may use
  IterableQueue<Bytes> queue_;
  std::unique_ptr<WorkerGroup> servers_;
};

/// What every server of a function has from its maker.
struct ServerPlan {
  std::string description;  ///< of the function, for messages
  BatchSettings settings;
  BatchType type;
  std::uint64_t function = 0;
  std::shared_ptr<Board> board;
  BatchHandler handler;
};

/// A server's life: serves what comes until it is told to end. Runs in a worker.
void serve_batches(Consumer<Bytes>& requests, const ServerPlan& plan);

}  // namespace iq::detail
