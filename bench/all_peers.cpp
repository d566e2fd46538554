// The peers of bench, in the order of the table.
#include "peer.hpp"

namespace bench {

Entries all_entries() {
  Entries entries;
  add_iq(entries);
  add_boost_message_queue(entries);
  add_vyukov(entries);
  add_moodycamel(entries);
  add_raw_spsc(entries);
  return entries;
}

}  // namespace bench
