#!/usr/bin/env python3
"""Draws what bench --json wrote, by gnuplot. Usage: plot.py FILE.json PICTURE.png|svg

Throughput: a panel per shape (1P1C, ...) and kind of use, a line per peer over the items' size.
Round trips: bars to p50, a triangle at p99."""
import json
import pathlib
import subprocess
import sys

OURS = 'iq'
COLOURS = {'iq': '#c0000b', 'boost-mq': '#1f78b4', 'posix-mq': '#6a3d9a', 'pipe': '#33a02c',
           'seqpacket': '#b15928', 'vyukov': '#ff7f00', 'boost-lockfree': '#8dd3c7',
           'boost-spsc': '#17becf', 'moodycamel': '#e377c2', 'rte': '#7f7f7f',
           'atomic-queue': '#bcbd22', 'python-mp': '#a6761d', 'raw': '#000000'}
GROUPS = ('vyukov', 'rte', 'raw')  # of which the best is drawn
NAMES = {'iq': 'iq (this library)', 'vyukov': 'Vyukov ring, best size', 'raw': 'limit: bare ring',
         'rte': 'DPDK rte_ring, best kind', 'moodycamel': 'moodycamel (threads)',
         'boost-spsc': 'Boost spsc_queue', 'boost-mq': 'Boost message_queue',
         'boost-lockfree': 'Boost lockfree queue', 'posix-mq': 'POSIX mq',
         'python-mp': 'Python multiprocessing'}
TRIP_MODES = (('spin', 'spinning'), ('sleep', 'sleeping, two cores'),
              ('sleep_one_core', 'sleeping, one core'))


def group_of(peer):
    return next((group for group in GROUPS if peer.startswith(group)), peer)


def label_of(group):
    return NAMES.get(group, group)


def size_label(size):
    if size >= 1 << 20:
        return f'{size >> 20}Mi'
    return f'{size >> 10}Ki' if size >= 1 << 10 and size % 1024 == 0 else str(size)


# Rows of panels: a title, and which modes count; peers that have the first only are in both.
KINDS = (('one by one; copied from 4 KiB on', ('single', 'copy')),
         ('in bulk; in place from 4 KiB on (peers copy)', ('bulk', 'in_place', 'copy')),
         ('payloads of any length', ('variable',)))


def throughput(rows, modes):
    """{(producers, consumers): {group: {bytes: GB/s of the best}}}; ours copies only if asked to"""
    best = {}
    for row in rows:
        if row['mode'] not in modes:
            continue
        copies = row['mode'] == 'copy' and 'in_place' in modes
        if copies and (row['peer'] == OURS or 'limit' in row):
            continue
        lines = best.setdefault((row['producers'], row['consumers']), {})
        line = lines.setdefault(group_of(row['peer']), {})
        rate = row['bytes'] / row['ns_per_item']['median']
        line[row['bytes']] = max(rate, line.get(row['bytes'], 0))
    return best


def block(name, lines):
    return '\n'.join([f'${name} << END', *lines, 'END'])


def shape_panel(number, title, lines):
    text, plots = [], []
    order = sorted(lines, key=lambda group: (group == OURS, list(COLOURS).index(group)
                                             if group in COLOURS else 99))
    for at, group in enumerate(order):
        data = f'd{number}_{at}'
        text.append(block(data, (f'{size} {rate:.6g}' for size, rate in
                                 sorted(lines[group].items()))))
        look = ('lw 4 pt 7 ps 1.1' if group == OURS else 'lw 2 dt 2 pt 2 ps 0.8'
                if group == 'raw' else 'lw 1.5 pt 6 ps 0.7')
        plots.append(f'${data} using 1:2 with linespoints lc rgb '
                     f'"{COLOURS.get(group, "#999999")}" {look} notitle')
    sizes = sorted({size for line in lines.values() for size in line})
    rates = [rate for line in lines.values() for rate in line.values()]
    text += [f'set title "{title}"', f'set xrange [{sizes[0] * 0.6}:{sizes[-1] * 1.7}]',
             f'set yrange [{min(rates) * 0.6:.4g}:{max(rates) * 1.7:.4g}]']
    tics = ', '.join(f'"{size_label(size)}" {size}' for size in sizes)
    text.append(f'set xtics ({tics}) norotate')
    text.append('plot ' + ', \\\n  '.join(plots))
    return '\n'.join(text)


def legend_panel(groups):
    """An empty plot that shows only what the colours mean."""
    plots = []
    for group in groups:
        look = 'lw 4 pt 7' if group == OURS else 'lw 2 dt 2 pt 2' if group == 'raw' \
            else 'lw 1.5 pt 6'
        plots.append(f'NaN with linespoints lc rgb "{COLOURS.get(group, "#999999")}" {look} '
                     f'title "{label_of(group)}"')
    return '\n'.join(['set title ""', 'unset border', 'unset tics', 'unset ylabel', 'unset xlabel',
                      'set key at graph 0.02, graph 0.98 left top Left reverse '
                      'samplen 2.5 spacing 1.25',
                      'set yrange [1:2]', 'set xrange [1:2]', 'plot ' + ', '.join(plots),
                      'set border', 'set key off'])


def trip_panel(number, title, rows):
    rows = sorted(rows, key=lambda row: row['latency_ns']['p50'])
    lines, colours = [], []
    for at, row in enumerate(rows):
        trip = row['latency_ns']
        name = row['peer'] + (' (limit)' if 'limit' in row else '')
        lines.append(f'{at} {trip["p50"] / 1e3:.5g} {trip["p99"] / 1e3:.5g} "{name}"')
        colours.append('#c0000b' if row['peer'] == OURS else
                       '#000000' if 'limit' in row else '#5b7fa6')
    data = f't{number}'
    parts = [f'${data} every ::{at}::{at} using 2:1:(0.001):2:($1-0.3):($1+0.3) with boxxyerror '
             f'fs solid 0.85 lc rgb "{colour}" notitle' for at, colour in enumerate(colours)]
    parts.append(f'${data} using 3:1 with points pt 9 ps 1 lc rgb "#444444" notitle')
    label = 'sprintf("%s  %.3g | %.3g", stringcolumn(4), $2, $3)'
    parts.append(f'${data} using (1.25 * $3):1:({label}) with labels left notitle')
    high = 90 * max(row['latency_ns']['p99'] for row in rows) / 1e3
    low = min(row['latency_ns']['p50'] for row in rows) / 2e3
    return '\n'.join([block(data, lines), f'set title "round trip, {title}: p50 | p99 in µs"',
                      'unset logscale y', f'set xrange [{low:.4g}:{high:.4g}]',
                      f'set yrange [{len(rows) - 0.4}:-0.6]', 'set xtics auto norotate',
                      'unset ylabel', 'unset xlabel', 'unset ytics',
                      'plot ' + ', \\\n  '.join(parts)])


def shape_title(shape):
    return ', '.join(f'{count} {what}{"s" if count > 1 else ""}'
                     for count, what in zip(shape, ('producer', 'consumer')))


def panels(rows):
    """A list of rows of panels, each a text for gnuplot."""
    drawn = [mode for _, modes in KINDS for mode in modes]
    items = [row for row in rows if 'error' not in row and row['mode'] in drawn]
    enough = min(2, len({row['bytes'] for row in items}))
    grid = []
    for title, modes in KINDS:
        shapes = throughput(items, modes)
        grid.append([shape_panel(f'{len(grid)}_{at}', f'{shape_title(shape)}\\n{title}', lines)
                     for at, (shape, lines) in enumerate(shapes.items())
                     if max(map(len, lines.values())) >= enough])
    groups = sorted({group_of(row['peer']) for row in items},
                    key=lambda group: list(COLOURS).index(group) if group in COLOURS else 99)
    trips = [(title, [row for row in rows if row['mode'] == mode and 'latency_ns' in row])
             for mode, title in TRIP_MODES]
    grid.append([legend_panel(groups)] +
                [trip_panel(at, title, of_mode) for at, (title, of_mode) in enumerate(trips)
                 if of_mode])
    return [line for line in grid if line]


def script(rows, picture):
    grid = panels(rows)
    columns = max(len(line) for line in grid)
    kind = 'svg' if picture.endswith('.svg') else 'pngcairo'
    text = [f'set terminal {kind} size {430 * columns},{400 * len(grid)} noenhanced '
            'font "sans,11" background "white"', f'set output "{picture}"',
            f'set multiplot layout {len(grid)},{columns} margins char 8,char 2,char 3,char 3 '
            'spacing char 9,char 7', 'set key off', 'set logscale xy', 'set tics nomirror',
            'set grid lt 1 lc rgb "#dddddd"', 'set ylabel "GB/s" offset 1.5',
            'set xlabel "bytes per item" offset 0,0.5']
    for line in grid:
        text += line + ['set multiplot next'] * (columns - len(line))
    return '\n'.join([*text, 'unset multiplot'])


def main():
    source, picture = sys.argv[1:]
    if not picture.endswith(('.png', '.svg')):
        sys.exit('plot.py: the picture has to be a .png or .svg')
    rows = json.loads(pathlib.Path(source).read_text(encoding='utf-8'))
    try:
        done = subprocess.run(['gnuplot', '-'], input=script(rows, picture), text=True,
                              check=False)
    except FileNotFoundError:
        sys.exit('plot.py: gnuplot is missing (Debian: gnuplot-nox)')
    sys.exit(done.returncode)


main()
