// The dead, as repairers find them.
#pragma once

#include "steps/staged.hpp"

namespace steps {

void die_in_a_batch(Stage<Text>& stage);        ///< two finished, one in hand, three not begun
void die_before_the_stamp(Stage<Text>& stage);  ///< three claimed
void die_with_an_orphan(Stage<Text>& stage);    ///< an orphan of an earlier death in hand
void die_with_leases(Stage<Text>& stage);       ///< explicit ones, one of them ended
void die_half_robbed(Stage<Text>& stage);       ///< the thief is stopped in the midst
void die_producing(Stage<Text>& stage);
void die_asleep(Stage<Text>& stage);
void die_with_a_handle(Stage<Text>& stage);

void awake(Stage<Text>& stage);  ///< lets stopped helpers go on

}  // namespace steps
