"""All mutants, in the order of the table, and the controls."""
import ending
import taking
from mutant import Mutant

MUTANTS = taking.MUTANTS + ending.MUTANTS

# Changed, built and linked like a mutant, and no weaker than before.
CONTROLS = [
    Mutant(
        'control-source', '', 'nothing',
        'lib/ring/claim.cpp',
        'if (!is_unstamped(old, lane.lap(begin))) continue;  // seized',
        'if (!is_unstamped(old, lane.lap(begin))) continue;',
        'faults/rivals', 'Rivals: a claimer whose positions were seized leaves them to whoever '
        'has them'),
    Mutant(
        'control-header', '', 'nothing',
        'lib/ring/walk.hpp',
        'return age < 0 || (age == 0 && !known);',
        'return (age == 0 && !known) || age < 0;',
        'ring/verdicts', 'room: neither DONE of the lap before nor a lease of this one frees '
        'anything'),
]
