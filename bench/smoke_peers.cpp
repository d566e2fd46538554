// The peers of bench-smoke: those that need no package and compile fast.
#include "peer.hpp"

namespace bench {

Entries all_entries() {
  Entries entries;
  add_iq(entries);
  add_vyukov(entries);
  return entries;
}

}  // namespace bench
