#!/usr/bin/env python3
"""Usage: check_json.py MAN_PAGE FILE. The file is one JSON value in UTF-8, all of whose keys, and
the codes of its advice, are in the man page."""
import json
import pathlib
import re
import sys


def keys_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
            if key == 'advice':
                yield from (advice['code'] for advice in inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def refuse_twice(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f'a key comes twice: {keys}'
    return dict(pairs)


def main():
    page = pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')
    promised = set()
    for line in page.splitlines():
        if line.startswith(('.Va ', '.It Va ', '.Cm ', '.Pq Cm ')):
            promised |= set(re.findall(r'\b[a-z_]+\b', line))
    text = pathlib.Path(sys.argv[2]).read_bytes().decode('utf-8')
    value = json.loads(text, object_pairs_hook=refuse_twice)
    missing = sorted(set(keys_of(value)) - promised)
    for key in missing:
        print(f'{key} is not in the man page')
    sys.exit(1 if missing else 0)


if __name__ == '__main__':
    main()
