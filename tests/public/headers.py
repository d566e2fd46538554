#!/usr/bin/env python3
"""Each public header compiles alone and without a warning, and so does a use of it in uses.cpp.

Usage: headers.py ROOT USES COMPILER...
"""
import pathlib
import subprocess
import sys

STRICT = ['-std=c++20', '-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wshadow', '-Werror']


def complaints(compiler, root, uses, header):
    command = [*compiler, *STRICT, '-fsyntax-only', f'-I{root}/include', f'-DIQ_USES_{header}=1',
               f'-DIQ_HEADER="iq/{header}.hpp"', uses]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stderr if run.returncode != 0 else ''


def main():
    root, uses, *compiler = sys.argv[1:]
    version = subprocess.run([*compiler, '--version'], capture_output=True, text=True, check=True)
    print(version.stdout.splitlines()[0])
    headers = sorted(path.stem for path in pathlib.Path(root, 'include/iq').glob('*.hpp'))
    wrong = {header: text for header in headers
             if (text := complaints(compiler, root, uses, header))}
    for header, text in wrong.items():
        print(f'iq/{header}.hpp:\n{text}')
    print(f'{len(headers)} headers, {len(wrong)} do not compile')
    sys.exit(1 if wrong or not headers else 0)


main()
