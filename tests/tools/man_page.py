#!/usr/bin/env python3
"""Usage: man_page.py IQ MAN_PAGE GROFF. The page formats without a warning at 40 and 100 columns,
and has every command and option that the program's help has, and the other way round."""
import pathlib
import re
import subprocess
import sys


def options_of(text):
    return set(re.findall(r'--[a-z]+', text))


def main():
    program, page, groff = sys.argv[1:]
    wrong = []
    for columns in (40, 100):
        run = subprocess.run([groff, '-mandoc', '-ww', '-Tutf8', f'-rLL={columns}n', page],
                             capture_output=True, text=True, check=False)
        if run.returncode or run.stderr:
            wrong.append(f'groff at {columns} columns: {run.stderr}')
    commands = ('ls', 'stat', 'rm')
    shown = [subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout
             for words in [['--help'], *([command, '--help'] for command in commands)]]
    source = pathlib.Path(page).read_text(encoding='utf-8')
    documented = {'--' + name for name in re.findall(r'Fl Fl ([a-z]+)', source)}
    for text in shown:
        for option in options_of(text) - documented:
            wrong.append(f'{option} is in the help and not in the man page')
    for option in documented - options_of(''.join(shown)):
        wrong.append(f'{option} is in the man page and not in the help')
    for command in commands:
        if f'.It Nm Cm {command}' not in source:
            wrong.append(f'{command} is not in the man page')
    for text in shown:
        wrong += [f'help of {len(line)} columns: {line}' for line in text.splitlines()
                  if len(line) > 80]
    print('\n'.join(wrong + [f'{len(wrong)} wrong']))
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
