#!/usr/bin/env python3
"""Compiles one case of cases.cpp and checks how the compiler's first error reads.

check.py CASE EXPECTED COMPILER... -- FLAG...   (EXPECTED "-" means that it must compile)
"""
import pathlib
import subprocess
import sys


def main():
    case, expected = sys.argv[1:3]
    split = sys.argv.index('--')
    compiler, flags = sys.argv[3:split], sys.argv[split + 1:]
    source = pathlib.Path(__file__).with_name('cases.cpp')
    run = subprocess.run(
        [*compiler, '-std=c++20', '-fsyntax-only', f'-DIQ_CASE_{case}', *flags, str(source)],
        capture_output=True, text=True, timeout=120, check=False)
    errors = [line for line in run.stderr.splitlines() if ' error: ' in line]
    if expected == '-':
        if run.returncode == 0:
            return 0
        print(f'{case}: must compile, but:\n{run.stderr}')
        return 1
    if run.returncode == 0 or not errors:
        print(f'{case}: must not compile, but did:\n{run.stderr}')
        return 1
    if expected not in errors[0]:
        print(f'{case}: the first error must say\n  {expected}\nbut says\n  {errors[0]}')
        return 1
    if len(errors) > 1:
        print(f'{case}: one error is enough, but there are {len(errors)}:\n{run.stderr}')
        return 1
    return 0


sys.exit(main())
