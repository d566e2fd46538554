#!/usr/bin/env python3
"""Prints the tables of docs/performance.md. Usage: table.py FILE, written by bench --json."""
import json
import sys


def short(value):
    return f'{value:.1f}' if value < 100 else f'{value:.0f}'


def cell(row):
    if 'error' in row:
        return 'failed: ' + row['error']
    ns = row['ns_per_item']
    ours = row['peer'] == 'iq' and row['ratio_to_iq'] == 1
    ratio = '' if ours else f' **{row["ratio_to_iq"]:.2f}**'
    return (f'{short(ns["median"])} ({short(ns["min"])}–{short(ns["max"])}){ratio} '
            f'· {short(row["probe_ns"])}')


def microseconds(ns):
    return f'{ns / 1e3:.2f}' if ns < 1e4 else f'{ns / 1e3:.0f}'


def print_trips(rows):
    if not rows:
        return
    print('| round trip, 64 B, µs | p50 | p99 | p99.9 | peer/iq |')
    print('|---|---|---|---|---|')
    for row in sorted(rows, key=lambda row: ('spin', 'sleep', 'sleep_one_core').index(row['mode'])):
        limit = ' (limit)' if 'limit' in row else ''
        trip = row['latency_ns']
        print(f'| {row["peer"]}, {row["mode"]}{limit} | '
              + ' | '.join(microseconds(trip[share]) for share in ('p50', 'p99', 'p999'))
              + f' | {row["ratio_to_iq"]:.2f} |')
    print()


# What each promise costs: rows of peers/price.cpp, then ours. Differences to the row above. Each is
# the ratio within its pairs times ours: the processor's frequency drifts between pairs.
def print_price(rows):
    ours = {(row['bytes'], row['mode']): row['ns_per_item']['median'] for row in rows
            if row['peer'] == 'iq'}
    cells = {}
    for row in rows:
        key = (row['bytes'], row['mode'])
        cells.setdefault(row['peer'], {})[key] = row['ratio_to_iq'] * ours[key]
    if len(cells) < 2:
        return
    keys = [(8, 'one_core'), (8, 'one_core_bulk'), (64, 'one_core'), (64, 'one_core_bulk')]
    print('| with | ' + ' | '.join(f'{size} B {"bulk" if "bulk" in mode else "single"}'
                                   for size, mode in keys) + ' |')
    print('|---' * (len(keys) + 1) + '|')
    before = {}
    for peer in [*(peer for peer in cells if peer != 'iq'), 'iq']:
        texts = []
        for key in keys:
            ns = cells[peer].get(key)
            change = f' ({ns - before[key]:+.1f})' if ns and key in before else ''
            texts.append(f'{ns:.1f}{change}' if ns else '')
            before[key] = ns
        print(f'| {peer} | ' + ' | '.join(texts) + ' |')
    print()


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        rows = json.load(file)
    print_trips([row for row in rows if 'latency_ns' in row])
    print_price([row for row in rows if row['mode'].startswith('one_core')
                 and 'ratio_to_iq' in row])
    rows = [row for row in rows if 'latency_ns' not in row
            and not row['mode'].startswith('one_core')]
    for size in sorted({row['bytes'] for row in rows}):
        of_size = [row for row in rows if row['bytes'] == size]
        shapes = list(dict.fromkeys((row['producers'], row['consumers']) for row in of_size))
        peers = list(dict.fromkeys((row['peer'], row['mode']) for row in of_size))
        print(f'| {size} B | ' + ' | '.join(f'{p}P{c}C' for p, c in shapes) + ' |')
        print('|---' * (len(shapes) + 1) + '|')
        for peer, mode in peers:
            cells = {(row['producers'], row['consumers']): row for row in of_size
                     if (row['peer'], row['mode']) == (peer, mode)}
            limit = ' (limit)' if any('limit' in row for row in cells.values()) else ''
            print(f'| {peer}, {mode}{limit} | '
                  + ' | '.join(cell(cells[s]) if s in cells else '' for s in shapes) + ' |')
        print()


main()
