#!/usr/bin/env python3
"""Ends ./dev test: the output of what failed, what was skipped and why, `N passed, N failed`.

Reads Meson's testlog.json. A doctest executable ends with `iqtest: P passed, F failed, S skipped`
and says `iqtest: skipped: CASE: WHY` for each skipped case (tests/support); any other test counts
as one, and skips itself by exit code 77 with the reason as its last line.
"""
import collections
import json
import re
import sys

COUNTS = re.compile(r'iqtest: (\d+) passed, (\d+) failed, (\d+) skipped')
SKIP = re.compile(r'iqtest: skipped: (.*): (.*)')
SHOWN_LINES = 400


def read_log(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as log:
            return [json.loads(line) for line in log]
    except OSError:
        return []


def count(test):
    """(passed, failed, reasons of skips) of one run of one executable."""
    output = test.get('stdout') or ''
    lines = output.strip().splitlines()
    found = COUNTS.findall(output)
    if test['result'] == 'SKIP':
        return 0, 0, [lines[-1] if lines else 'no reason given']
    ok = test['result'] == 'OK'
    if not found:
        return (1, 0, []) if ok else (0, 1, [])
    passed, failed, skipped = (int(number) for number in found[-1])
    reasons = [why for _, why in SKIP.findall(output)]
    reasons += ['no reason given'] * (skipped - len(reasons))
    return passed, max(failed, 0 if ok else 1), reasons


def show(test):
    lines = ((test.get('stdout') or '') + (test.get('stderr') or '')).splitlines()
    if len(lines) > SHOWN_LINES:
        half = SHOWN_LINES // 2
        lines = lines[:half] + [f'… {len(lines) - SHOWN_LINES} lines …'] + lines[-half:]
    print(f'==== {test["name"]}: {test["result"]}, exit code {test["returncode"]}, '
          f'after {test["duration"]:.1f} s\n' + '\n'.join(lines) + '\n====')


def main():
    log_path, meson_status, run_log = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    # After the first failure of --repeat, or an interrupt, Meson ends the rest: not their fault.
    tests = [test for test in read_log(log_path) if test['result'] not in ('CANCEL', 'INTERRUPT')]
    if not tests:
        with open(run_log, encoding='utf-8', errors='replace') as log:
            print(log.read())
    passed = failed = 0
    reasons = collections.Counter()
    for test in tests:
        its_passed, its_failed, its_reasons = count(test)
        passed += its_passed
        failed += its_failed
        reasons.update(its_reasons)
        if its_failed:
            show(test)
    for why, how_often in sorted(reasons.items()):
        print(f'{how_often} skipped: {why}')
    print(f'{passed} passed, {failed} failed')
    sys.exit(0 if tests and failed == 0 and meson_status == 0 else 1)


main()
