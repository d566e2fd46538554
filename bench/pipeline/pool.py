#!/usr/bin/env python3
"""Python's multiprocessing.Pool.imap_unordered doing what pipeline-overhead does: stages that do
nothing, one item at a time and in chunks of 256. Usage: pool.py [ITEMS]"""
import functools
import multiprocessing
import sys
import time

ROUNDS = 3


def same(x):
    return x


def run(stages, items, chunk):
    pools = [multiprocessing.Pool(1) for _ in range(stages)]
    try:
        begun = time.monotonic()
        values = functools.reduce(lambda source, pool: pool.imap_unordered(same, source, chunk),
                                  pools, range(items))
        assert sum(values) == items * (items - 1) // 2
        return time.monotonic() - begun
    finally:
        for pool in pools:
            pool.terminate()


def main():
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    print(f'{"ns":34} {"stages":>6} {"per item":>12} {"per item, stage":>16}')
    for stages in (1, 2, 3):
        for chunk, how in ((1, 'one by one'), (256, 'chunks of 256')):
            best = min(run(stages, items, chunk) for _ in range(ROUNDS)) / items * 1e9
            print(f'{"Python Pool.imap_unordered, " + how:34} {stages:6} {best:12.1f} '
                  f'{best / stages:16.1f}')


main()
