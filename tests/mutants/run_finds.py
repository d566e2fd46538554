#!/usr/bin/env python3
"""run.py --check finds what it is there for: a record of each kind that proves nothing."""
import dataclasses
import sys

import run
from mutants import MUTANTS

SOUND = MUTANTS[0]
# What is wrong with a record: what has to be said of it.
FAULTY = [
    ({'old': 'is nowhere in that file'}, '0 times, not once'),
    ({'old': 'return'}, 'times, not once'),
    ({'new': SOUND.old}, 'changes nothing'),
    ({'test': 'ring/nowhere'}, 'there is no tests/ring/nowhere.cpp'),
    ({'case': 'walk: of another name'}, 'has 0 cases "walk: of another name"'),
]


def said_of(mutant):
    try:
        run.check(mutant)
    except run.Failed as why:
        return str(why)
    return ''


def main():
    failures = [f'of a sound record it says: {said_of(SOUND)}'] if said_of(SOUND) else []
    for change, expected in FAULTY:
        said = said_of(dataclasses.replace(SOUND, **change))
        if expected not in said:
            failures.append(f'of {change} it says "{said}", not "{expected}"')
    for failure in failures:
        print(failure)
    print(f'{len(FAULTY) + 1} records, {len(failures)} findings')
    sys.exit(1 if failures else 0)


main()
