#!/usr/bin/env python3
"""Writes the first C++ program of a Markdown file to a file: first_program.py IN OUT."""
import pathlib
import re
import sys

text = pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')
program = re.search(r'^```cpp\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)
if not program:
    sys.exit(f'{sys.argv[1]} has no ```cpp block')
pathlib.Path(sys.argv[2]).write_text(program[1], encoding='utf-8')
