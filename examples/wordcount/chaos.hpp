// Workers that are killed at random, for --kill-every.
#pragma once

#include <chrono>
#include <string>

#include <iq/iq.hpp>

#include "reader.hpp"

namespace wordcount {

/// Runs `count` readers, kills a random one every `pause` and starts another in its place. Closes
/// both queues; returns how many were killed when every reader has ended.
///
/// Errors: iq::WorkerFailed when one failed that was not to be killed.
int read_under_fire(iq::IterableQueue<std::string>& files, iq::IterableQueue<Result>& results,
                    int count, std::chrono::milliseconds pause);

}  // namespace wordcount
