#!/usr/bin/env python3
"""Prints what bench --json wrote: table.py [--nearest] FILE. All rows, a table per size; or those
of docs/performance.md: ours, and of each cell the peer that comes nearest."""
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


SINGLE_READER = ('boost-spsc', 'rte-spsc')  # one producer and one consumer, by construction


# Ours, and behind it the nearest peer with its time by ours, per size and mode.
def print_nearest(rows):
    shapes = list(dict.fromkeys((row['producers'], row['consumers']) for row in rows))
    print('| ns per item | ' + ' | '.join(f'{p}P{c}C' for p, c in shapes) + ' |')
    print('|---' * (len(shapes) + 1) + '|')
    modes = ('single', 'bulk', 'variable', 'copy', 'in_place')
    for size, mode in sorted({(row['bytes'], row['mode']) for row in rows if row['mode'] in modes},
                             key=lambda key: (key[0], modes.index(key[1]))):
        print(f'| {size} B, {mode} | ' + ' | '.join(
            nearest(rows, size, mode, shape) for shape in shapes) + ' |')
    print()


def nearest(rows, size, mode, shape):
    cell_rows = [row for row in rows if (row['producers'], row['consumers']) == shape
                 and row['bytes'] == size and 'limit' not in row and 'ratio_to_iq' in row]
    ours = [row for row in cell_rows if row['peer'] == 'iq' and row['mode'] == mode]
    if mode == 'in_place':  # beside those who copy
        peers = {row['peer']: row['ratio_to_iq_in_place'] for row in cell_rows
                 if row['mode'] == 'copy' and row['peer'] != 'iq'}
    else:
        peers = {row['peer']: row['ratio_to_iq'] for row in cell_rows
                 if row['mode'] == mode and row['peer'] != 'iq'}
    many = {peer: ratio for peer, ratio in peers.items() if peer not in SINGLE_READER}
    if not ours or not many:
        return ''
    ns = ours[0]['ns_per_item']
    text = f'{short(ns["median"])} ({short(ns["min"])}–{short(ns["max"])})'
    best = min(many, key=many.get)
    text += f' {best} **{many[best]:.2f}**'
    for peer in SINGLE_READER:
        if peers.get(peer, many[best]) < many[best]:
            text += f', {peer} **{peers[peer]:.2f}**'
    return text


def main():
    with open(sys.argv[-1], encoding='utf-8') as file:
        rows = json.load(file)
    print_trips([row for row in rows if 'latency_ns' in row])
    print_price([row for row in rows if row['mode'].startswith('one_core')
                 and 'ratio_to_iq' in row])
    rows = [row for row in rows if 'latency_ns' not in row
            and not row['mode'].startswith('one_core')]
    if '--nearest' in sys.argv:
        print_nearest(rows)
        return
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
