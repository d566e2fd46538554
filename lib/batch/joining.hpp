// How a context reaches other processes: shared before a fork, joined behind it.
#pragma once

#include <memory>
#include <string>

#include "batch/scheduler.hpp"

namespace iq::detail {

/// Makes the current context, if there is one, known to children that are forked from here on.
/// Errors: NoSpace, CannotProbe, SystemError.
void share_context();

/// In a child: joins the context that the thread which forked was in, if that is shared. Null when
/// there is none, or no place in it. Errors: as above.
TaskContextHandle join_inherited_context();

/// The context's callers in this thread join those of its name, once there is a board to meet on.
/// Errors: as above.
void join_named_context(TaskContext& context);

/// Has WorkerGroup do both for its workers, and count a join() as blocking. Once is enough.
void set_work_hooks() noexcept;

/// While it stands, workers that this thread forks join nothing: they are servers.
class NoMembersHere {
 public:
  NoMembersHere() noexcept;
  ~NoMembersHere();
  NoMembersHere(const NoMembersHere&) = delete;
  NoMembersHere& operator=(const NoMembersHere&) = delete;
};

}  // namespace iq::detail
