#!/usr/bin/env python3
"""Compresses and checksums all files of a folder: examples/pipeline_zip with workers, with workers
that are killed, and, doing one file after the other, under xargs and GNU parallel. Each must give
the lines that one process gives; xargs in any order, and it may tear some. Usage:
zip.py PIPELINE_ZIP FOLDER [FILES_FOR_ONE_BY_ONE]"""
import os
import pathlib
import shutil
import subprocess
import sys
import time


def files_below(folder):
    return sorted(str(path) for path in pathlib.Path(folder).rglob('*')
                  if path.is_file() and not path.is_symlink())


def run(words, files=()):
    """Seconds, lines, the last line that it said besides."""
    begun = time.monotonic()
    done = subprocess.run(words, input='\0'.join(files).encode(), capture_output=True, check=True)
    told = done.stderr.decode().splitlines()
    return time.monotonic() - begun, done.stdout.splitlines(), told[-1] if told else ''


def main():
    program, folder = os.path.abspath(sys.argv[1]), sys.argv[2]
    one_by_one = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    files = files_below(folder)
    alone = [program, '--workers', '0']
    _, expected, _ = run([*alone, folder])  # also brings the files into memory

    def row(what, words, count=None, ordered=True):
        some = files if count is None else files[:count]
        from_list = words[0] in ('xargs', 'parallel')
        seconds, lines, told = run(words, some if from_list else ())
        wanted = set(expected[:len(some)])
        if ordered and lines != expected[:len(some)]:
            raise SystemExit(f'{what}: other lines than one process gives')
        torn = sum(line not in wanted for line in lines)
        print(f'{what:48} {len(some):7} files {seconds:8.2f} s  '
              f'{told if ordered and not from_list else f"{torn} lines torn"}', flush=True)

    row('one process, inline', [*alone, folder])
    for workers in ('2', '4'):
        row(f'pipeline, {workers} workers', [program, '--workers', workers, folder])
    row('pipeline, 4 workers, one killed every 200 ms',
        [program, '--workers', '4', '--kill-every', '200', folder])
    row('xargs -P 2 -n 64', ['xargs', '-0', '-P', '2', '-n', '64', *alone], ordered=False)
    row('xargs -P 2 -n 1', ['xargs', '-0', '-P', '2', '-n', '1', *alone], one_by_one, ordered=False)
    if shutil.which('parallel') is None:
        return print('GNU parallel is not installed')
    row('parallel -j 2 -k -n 64', ['parallel', '-0', '-j', '2', '-k', '-n', '64', *alone])
    row('parallel -j 2 -k', ['parallel', '-0', '-j', '2', '-k', *alone], one_by_one)


main()
