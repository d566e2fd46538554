// The peers of bench, in the order of the table.
#include "peer.hpp"

namespace bench {

Entries all_entries() {
  Entries entries;
  add_iq(entries);
  add_iq_bytes(entries);
  add_iq_trips(entries);
  add_iq_typed(entries);
  add_boost_message_queue(entries);
  add_posix_mq(entries);
  add_pipe(entries);
  add_seqpacket(entries);
  add_vyukov(entries);
  add_boost_lockfree(entries);
  add_boost_spsc(entries);
#ifdef BENCH_MOODYCAMEL
  add_moodycamel(entries);
#endif
#ifdef BENCH_RTE_RING
  add_rte_ring(entries);
#endif
#ifdef BENCH_ATOMIC_QUEUE
  add_atomic_queue(entries);
#endif
  add_python(entries);
  add_raw_spsc(entries);
  add_bare_wakes(entries);
  add_price(entries);
  return entries;
}

std::vector<std::string> left_out() {
  return {
#ifndef BENCH_MOODYCAMEL
      "moodycamel (Debian: libconcurrentqueue-dev)",
#endif
#ifndef BENCH_RTE_RING
      "rte-ring (Debian: libdpdk-dev)",
#endif
#ifndef BENCH_ATOMIC_QUEUE
      "atomic-queue (Debian: libatomic-queue-dev)",
#endif
  };
}

}  // namespace bench
