// IterableQueue: a queue between processes that knows its producers and consumers.
#pragma once

#include "iq/batch.hpp"
#include "iq/batch_context.hpp"
#include "iq/bytes.hpp"
#include "iq/chunk.hpp"
#include "iq/closable_queue.hpp"
#include "iq/codec.hpp"
#include "iq/consumer.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "iq/error.hpp"
#include "iq/event.hpp"
#include "iq/generator.hpp"
#include "iq/inspect.hpp"
#include "iq/lease.hpp"
#include "iq/loan.hpp"
#include "iq/options.hpp"
#include "iq/pipeline.hpp"
#include "iq/pipeline_failed.hpp"
#include "iq/pipeline_options.hpp"
#include "iq/producer.hpp"
#include "iq/queue.hpp"
#include "iq/relay.hpp"
#include "iq/report.hpp"
#include "iq/stats.hpp"
#include "iq/status.hpp"
#include "iq/step.hpp"
#include "iq/steps.hpp"
#include "iq/task.hpp"
#include "iq/task_future.hpp"
#include "iq/token.hpp"
#include "iq/version.hpp"
#include "iq/worker_group.hpp"
#include "iq/worker_outcome.hpp"

/// Queues between processes: IterableQueue, its Producer and Consumer; WorkerGroup for those who
/// work on them. What is in iq::detail is not for programs.
namespace iq {}
