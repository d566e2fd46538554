"""Documents cite tests as `folder/file.cpp` "name of the case", "another one": they must exist.

Each row of the tables below names at least one."""
import re

TABLES = (('docs/testing.md', '## Faults and their tests'),)

CITED = re.compile(r'`([\w/]+\.cpp)`((?:,? "[^"]+")+)')


def check_line(root, document, number, line, say):
    """How many cases the line cites."""
    cited = [(file, name) for file, names in CITED.findall(line)
             for name in re.findall(r'"([^"]+)"', names)]
    for path, name in cited:
        file = root / 'tests' / path
        # A long name is broken into pieces in the source.
        text = re.sub(r'"\s*\n\s*"', '', file.read_text(encoding='utf-8')) if file.exists() else ''
        if f'"{name}"' not in text:
            say(document, number, f'tests/{path} has no case "{name}"',
                'name the one that shows it')
    return len(cited)


def check(root, say):
    for document, heading in TABLES:
        if not (root / document).exists():
            continue
        section = rows = None
        for number, line in enumerate((root / document).read_text('utf-8').splitlines(), 1):
            if line.startswith('#'):
                section, rows = line, 0
            if section != heading or not line.startswith('|'):
                continue
            rows += 1  # the first two are the table's head
            if rows > 2 and not check_line(root, document, number, line, say):
                say(document, number, 'a row without a test', 'cite `folder/file.cpp` "name"')
