// What a process does between begin_operation() and end_operation(), where more than one operation
// or pair has a use for it; and what was there before.
#pragma once

#include "faults/situations.hpp"
#include "steps/staged.hpp"

namespace steps {

using faults::awake;
using faults::die_half_robbed;
using faults::die_with_an_orphan;
using faults::leave_orphans;
using faults::poison;
using faults::stop_before_the_stamp;
using faults::stop_in_a_batch;

// producer_operations.cpp
void get_producer(Stage<Text>& stage);
void put_two(Stage<Text>& stage);
void put_in_vain(Stage<Text>& stage);
void close_with_items(Stage<Text>& stage);

// consumer_operations.cpp
void put_twelve(Stage<Text>& stage);
void claim(Stage<Text>& stage);              ///< four
void acknowledge_three(Stage<Text>& stage);  ///< of a batch of eight
void give_back_one(Stage<Text>& stage);
void close_in_a_batch(Stage<Text>& stage);
void lease(Stage<Text>& stage);
void acknowledge_by_hand(Stage<Text>& stage);

// rivalry_operations.cpp
void take_one(Stage<Text>& stage);  ///< from whoever has it, within some milliseconds
void give_back_poison(Stage<Text>& stage);
void requeue(Stage<Text>& stage);

// queue_operations.cpp
void attach(Stage<Text>& stage);
void create_if_absent(Stage<Text>& stage);
void destroy(Stage<Text>& stage);
void close_it(Stage<Text>& stage);
void stop_it(Stage<Text>& stage);
void stop_again(Stage<Text>& stage);
void use_the_name(Stage<Text>& stage);

// repair_operations.cpp
void repair(Stage<Text>& stage);
void die_in_a_batch(Stage<Text>& stage);        ///< two finished, one in hand, three not begun
void die_before_the_stamp(Stage<Text>& stage);  ///< three claimed
void die_with_leases(Stage<Text>& stage);       ///< explicit ones, one of them ended
void die_producing(Stage<Text>& stage);
void die_asleep(Stage<Text>& stage);
void die_with_a_handle(Stage<Text>& stage);

}  // namespace steps
