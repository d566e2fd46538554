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
    ratio = '' if row['peer'] == 'iq' else f' **{row["ratio_to_iq"]:.2f}**'
    return (f'{short(ns["median"])} ({short(ns["min"])}–{short(ns["max"])}){ratio} '
            f'· {short(row["probe_ns"])}')


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        rows = json.load(file)
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
