"""Holds docs/errors.md and iq/error.hpp together: each code has one row, and each row names a test
that there is, as `folder/file.cpp` "name of the case"."""
import re

import cases

TABLE = 'docs/errors.md'
CODES = 'include/iq/error.hpp'

ROW = re.compile(r'^\| `(\w+)` \|')


def codes_of(text):
    body = re.search(r'enum class Errc[^{]*\{([^}]*)\}', text)
    return re.findall(r'^\s*(\w+)\b', body[1], re.M) if body else []


def check(root, say):
    if not (root / CODES).exists():
        return
    codes = codes_of((root / CODES).read_text(encoding='utf-8'))
    if not (root / TABLE).exists():
        say(TABLE, 1, 'does not exist', 'users look their errors up there')
        return
    rows = {}
    for number, line in enumerate((root / TABLE).read_text(encoding='utf-8').splitlines(), 1):
        if row := ROW.match(line):
            if row[1] in rows:
                say(TABLE, number, f'{row[1]} has a second row', 'one is enough')
            rows[row[1]] = number
            if not (line.endswith('" |') and cases.check_line(root, TABLE, number, line, say)):
                say(TABLE, number, 'a row without a test', 'end it with `folder/file.cpp` "name" |')
    for code in codes:
        if code not in rows:
            say(TABLE, 1, f'{code} has no row', 'what, why, what to do, and the test that shows it')
    for code, number in rows.items():
        if code not in codes:
            say(TABLE, number, f'{code} is no code of {CODES}', 'drop its row')
