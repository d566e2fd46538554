#!/usr/bin/env python3
"""Ends ./dev coverage: line coverage by folder, and the lines that no test reaches.

Reads gcovr's JSON (which merges the objects of a source that was compiled twice, as the library
with and without kill points). A line counts once, reached in either.
"""
import collections
import json
import re
import sys

# Of these every line is listed: they decide whether anything is lost or hangs.
LISTED = re.compile(r'lib/(ring/(repair|room|wait)|shm/attachment)\w*\.[ch]pp$')
GOAL = 95.0


def read(path):
    """{file: (lines that count, lines that were not reached)}"""
    with open(path, encoding='utf-8') as report:
        files = json.load(report)['files']
    result = {}
    for entry in files:
        lines = {}
        for line in entry['lines']:
            if line.get('gcovr/noncode'):
                continue
            number = line['line_number']
            lines[number] = lines.get(number, 0) + line['count']
        result[entry['file']] = (len(lines), sorted(n for n in lines if lines[n] == 0))
    return result


def percent(total, missed):
    return 100.0 * (total - missed) / total if total else 100.0


def ranges(numbers):
    spans = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ', '.join(f'{a}' if a == b else f'{a}-{b}' for a, b in spans)


def main():
    files = read(sys.argv[1])
    folders = collections.defaultdict(lambda: [0, 0])
    for path, (total, missed) in files.items():
        for folder in (path.rsplit('/', 1)[0], path.split('/', 1)[0]):
            folders[folder][0] += total
            folders[folder][1] += len(missed)
    print('not reached:')
    for path, (total, missed) in sorted(files.items()):
        if missed:
            print(f'  {path:42} {percent(total, len(missed)):5.1f} %  {ranges(missed)}')
    print('\nnot reached, of repair, attaching and waiting:')
    for path, (_, missed) in sorted(files.items()):
        if not LISTED.match(path):
            continue
        with open(path, encoding='utf-8') as source:
            text = source.read().splitlines()
        for number in missed:
            print(f'  {path}:{number}: {text[number - 1].strip()}')
    print()
    for folder, (total, missed) in sorted(folders.items()):
        print(f'{folder:20} {percent(total, missed):5.1f} %  of {total} lines')
    whole = percent(*folders['lib'])
    print(f'lib: {whole:.1f} %, goal {GOAL:.0f} %')
    sys.exit(0 if whole >= GOAL else 1)


main()
