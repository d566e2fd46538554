"""Holds docs/protocol.md, docs/batching.md and the code together: labels and kill points exist on
both sides.

A label is T (transition), I (invariant), P (order pair), W (wake-up argument) or B (the board of
batch contexts) and a number. The code cites it in a comment under include/ or lib/; T3..T6 cites
all four. The document defines it as
the first cell of a table row (`| T3 | …`) or by a line that starts with it in bold (`**I2** …`,
also as a list item). A kill point is listed as a table row or list item that starts with its name
in backticks, under a heading with the words "kill points".
"""
import re

PROTOCOL = 'docs/protocol.md'
DOCUMENTS = (PROTOCOL, 'docs/batching.md')

LABEL = re.compile(r'\b([TIPWB])(\d+)(?:\s*(?:\.\.|…|–)\s*\1(\d+))?\b')
DEFINITION = re.compile(r'^(?:\|\s*(?:\*\*)?|(?:[-*] )?\*\*)([TIPWB]\d+)\b')
LISTED_POINT = re.compile(r'^(?:\|\s*|[-*] )`(\w+)`')
KILL_POINT = re.compile(r'\bIQ_KILL_POINT\((\w+)\)')


def cited(sources):
    """label -> first place; point -> first place."""
    names, points = {}, {}
    for source in sources:
        if not source.is_cpp or not source.path.startswith(('include/', 'lib/')):
            continue
        for match in LABEL.finditer(source.comments):
            kind, first, last = match[1], int(match[2]), int(match[3] or match[2])
            for number in range(first, last + 1):
                names.setdefault(f'{kind}{number}',
                                 (source.path, source.line_at(match.start())))
        for match in KILL_POINT.finditer(source.code):
            is_macro = source.lines[source.line_at(match.start()) - 1].startswith('#define')
            if not is_macro:
                points.setdefault(match[1], (source.path, source.line_at(match.start())))
    return names, points


def defined(root):
    """The same two tables, of the document."""
    names, points = {}, {}
    for document in DOCUMENTS:
        if not (root / document).exists():
            continue
        in_points = False
        text = (root / document).read_text(encoding='utf-8')
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith('#'):
                in_points = 'kill points' in line.lower()
            if match := DEFINITION.match(line):
                names.setdefault(match[1], (document, number))
            if in_points and (match := LISTED_POINT.match(line)):
                points.setdefault(match[1], (document, number))
    return names, points


def check(root, sources, say):
    if not (root / PROTOCOL).exists():
        say(PROTOCOL, 1, 'does not exist', 'shared memory is written down there first')
        return
    kinds = (('label', cited(sources)[0], defined(root)[0]),
             ('kill point', cited(sources)[1], defined(root)[1]))
    for kind, in_code, in_document in kinds:
        for name in sorted(in_code.keys() - in_document.keys()):
            say(*in_code[name], f'{kind} {name} is not in {PROTOCOL}',
                'define it there, or correct it here')
        for name in sorted(in_document.keys() - in_code.keys()):
            say(*in_document[name], f'{kind} {name} is nowhere in the code',
                'cite it where it is carried out, or drop it')
