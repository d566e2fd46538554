#!/usr/bin/env python3
"""Counts, per item, the instructions and the cache lines that would cross between cores.

    lines.py BENCH_TRACE [--json FILE] [FILTER ...]

BENCH_TRACE runs all parties of a queue in one thread, by turns; valgrind's lackey writes down each
of their accesses. Every party is given a core of its own with a cache that holds everything, and
counted is what such caches would have to ask each other for:

    fetch   a line is read or written that somebody else has written since, or has alone
    claim   a line that is here is written, and others have copies that must go

A stream in a steady state: each producer puts 32 items in its turn, the consumers share them, 128
items of each producer are on their way. What spinning on an empty or full queue costs is not seen.
"""
import argparse
import collections
import json
import subprocess
import sys
import tempfile

LINE_BITS = 6
NOBODY, COUNT_FROM_HERE = 62, 63
TURN_ITEMS = 32
COUNTED_ROUNDS = 40

# peer, mode, size, rounds of one producer until it has been through the ring
PEERS = [
    ('iq', 'single', ('8B', '64B', '256B'), 34),
    ('iq', 'bulk', ('8B', '64B', '256B'), 34),
    ('vyukov-1024', 'single', ('8B', '64B', '256B'), 34),
    ('boost-lockfree', 'single', ('8B',), 34),
    ('moodycamel', 'single', ('8B', '64B'), 1030),
    ('moodycamel', 'bulk', ('8B', '64B'), 1030),
    ('rte-mpmc', 'bulk', ('8B', '64B'), 1030),
    ('boost-spsc', 'single', ('8B', '64B'), 1030),
    ('boost-spsc', 'bulk', ('8B', '64B'), 1030),
    ('raw-256K', 'single', ('64B', '256B'), 130),
    ('raw-256K', 'bulk', ('64B',), 130),
]
SHAPES = [(1, 1), (4, 1), (1, 4), (4, 4)]
LANE = 1024


def shapes_of(peer, mode):
    # moodycamel's producers without tokens are told apart by their threads: here there is one.
    if peer in ('boost-spsc', 'raw-256K') or (peer, mode) == ('moodycamel', 'single'):
        return SHAPES[:1]
    # Large rings: a lap takes long.
    return SHAPES[::3] if peer in ('rte-mpmc', 'moodycamel') else SHAPES


class Caches:
    """Which party has which line, and what had to be asked for."""

    def __init__(self):
        self.holders = {}  # line: bits of parties
        self.forget()

    def forget(self):
        self.fetches = collections.Counter()
        self.claims = collections.Counter()

    def access(self, party, line, writes):
        mine = 1 << party
        holders = self.holders.get(line)
        if holders is None:  # out of memory, whoever comes first
            self.holders[line] = mine
            return
        if not holders & mine:
            self.fetches[party] += 1
        elif writes and holders != mine:
            self.claims[party] += 1
        self.holders[line] = mine if writes else holders | mine


class Places:
    """Names each shared line by the file it is of."""

    def __init__(self):
        self.marks = 0
        self.everything = False
        self.maps = []

    def read(self, text):
        for line in text.splitlines():
            words = line.split()
            if words[0] == 'marks':
                self.marks = int(words[1], 16)
            elif words[0] == 'everything':
                self.everything = True
            elif words[0] == 'shared':
                begin, end = (int(part, 16) for part in words[1].split('-'))
                self.maps.append((begin, end, words[5], int(words[3], 16)))

    def line_of(self, address):
        for begin, end, file, offset in self.maps:
            if begin <= address < end:
                return file, (address - begin + offset) >> LINE_BITS
        return ('', address >> LINE_BITS) if self.everything else None


def trace(program, row, log):
    command = ['valgrind', '--tool=lackey', '--trace-mem=yes', f'--log-file={log}', program]
    run = subprocess.run(command + [str(word) for word in row], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip())
    return run.stdout


def count(places, log):
    """What each party's cache asks for, and how many instructions each runs."""
    caches = Caches()
    instructions = collections.Counter()
    party = NOBODY
    for entry in log:
        kind = entry[:2]
        if kind == 'I ':
            instructions[party] += 1
            continue
        if kind not in (' L', ' S', ' M'):
            continue
        text, _, size = entry[3:].partition(',')
        address = int(text, 16)
        if 0 <= address - places.marks < 8 * 64:
            mark = (address - places.marks) // 8
            if mark == COUNT_FROM_HERE:
                caches.forget()
                instructions.clear()
            else:
                party = mark
            continue
        if party == NOBODY:
            continue
        first, last = places.line_of(address), places.line_of(address + int(size) - 1)
        for line in {first, last} - {None}:
            if kind == ' M':
                caches.access(party, line, False)
            caches.access(party, line, kind != ' L')
    return caches, instructions


def measure(program, peer, mode, size, shape, rounds):
    producers, consumers = shape
    with tempfile.TemporaryDirectory() as folder:
        log = folder + '/accesses'
        row = (peer, mode, size, producers, consumers, LANE, rounds, COUNTED_ROUNDS)
        places = Places()
        places.read(trace(program, row, log))
        with open(log, encoding='ascii', errors='replace') as lines:
            caches, instructions = count(places, lines)
    items = COUNTED_ROUNDS * TURN_ITEMS * producers
    putting = range(producers)
    taking = range(producers, producers + consumers)

    def per_item(counter, parties):
        return round(sum(counter[party] for party in parties) / items, 2)

    return {
        'peer': peer, 'mode': mode, 'bytes': int(size[:-1]), 'producers': producers,
        'consumers': consumers,
        'instructions': {'put': per_item(instructions, putting),
                         'take': per_item(instructions, taking)},
        'fetches': {'put': per_item(caches.fetches, putting),
                    'take': per_item(caches.fetches, taking)},
        'claims': {'put': per_item(caches.claims, putting),
                   'take': per_item(caches.claims, taking)},
    }


def write(name, results):
    with open(name, 'w', encoding='ascii') as file:
        json.dump(results, file, indent=1)


def show(result):
    messages = sum(result['fetches'].values()) + sum(result['claims'].values())
    print(f"{result['bytes']:>4}B {result['producers']}P{result['consumers']}C "
          f"{result['peer']:15} {result['mode']:7}"
          f"{result['instructions']['put']:8.1f} {result['instructions']['take']:7.1f}"
          f"{result['fetches']['put']:9.2f} {result['fetches']['take']:6.2f}"
          f"{result['claims']['put']:8.2f} {result['claims']['take']:6.2f}{messages:8.2f}",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('program', metavar='BENCH_TRACE')
    parser.add_argument('--json', metavar='FILE')
    parser.add_argument('--lines', action='store_true', help='as ./dev bench says')
    parser.add_argument('filters', nargs='*', metavar='FILTER')
    arguments = parser.parse_args()
    if arguments.json:
        try:
            write(arguments.json, [])
        except OSError as error:
            sys.exit(f'bench --lines: {error}')
    print('size shape peer           mode    instructions    fetches        claims          all')
    print('                                  put    take      put   take     put   take')
    results = []
    for size in ('8B', '64B', '256B'):
        for shape in SHAPES:
            for peer, mode, sizes, rounds in PEERS:
                words = (peer, mode, size, f'{shape[0]}P{shape[1]}C')
                wanted = all(any(word.startswith(part) for word in words for part in f.split(','))
                             for f in arguments.filters)
                if size not in sizes or not wanted or shape not in shapes_of(peer, mode):
                    continue
                warm = rounds if peer == 'iq' else -(-rounds // shape[0])
                try:
                    results.append(measure(arguments.program, peer, mode, size, shape, warm))
                except RuntimeError as error:
                    print(f'left out: {error}')
                    continue
                show(results[-1])
                if arguments.json:  # each time: it takes a while
                    write(arguments.json, results)
    if not results:
        print('bench --lines: nothing fits these filters: vyukov,iq 64B 1P1C', file=sys.stderr)
    return 0 if results else 1


if __name__ == '__main__':
    sys.exit(main())
