#!/usr/bin/env python3
"""Every piece of C++ in the documents and in the comments of public headers compiles.

Those are: ```cpp blocks; in comments indented blocks, and code in backticks that ends with a
semicolon. A program is compiled as it stands, a declaration behind prelude.hpp, and anything else
there as the body of a function. Usage: examples.py PRELUDE ROOT COMPILER...
"""
import pathlib
import re
import subprocess
import sys
import tempfile

FENCED = re.compile(r'^```cpp\n(?P<code>.*?)^```$', re.M | re.S)
INDENTED = re.compile(r'^ *(?P<slashes>///?)\n'
                      r'(?P<code> *(?P=slashes)     .*\n(?: *(?P=slashes)(?:     .*)?\n)*)', re.M)
INLINE = re.compile(r'^ *//[/ ].*`(?P<code>[^`\n]*;)`', re.M)
STRICT = ['-std=c++20', '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-Wno-unused']


def pieces(root):
    """(file, line, code) of each."""
    for path in sorted([*root.glob('*.md'), *root.glob('docs/**/*.md'),
                        *root.glob('include/iq/**/*.hpp')]):
        text = path.read_text(encoding='utf-8')
        for pattern in (FENCED,) if path.suffix == '.md' else (INDENTED, INLINE):
            for match in pattern.finditer(text):
                code = match['code'] if pattern is not INDENTED else \
                    re.sub(r'^ *///? ?', '', match['code'], flags=re.M)
                yield path.relative_to(root), text.count('\n', 0, match.start('code')) + 1, code


def translation_units(found, prelude):
    """Each program, each declaration (others may be of the same name), and all the rest as one."""
    snippets = [f'#include "{prelude}"\n']
    for number, (path, line, code) in enumerate(found):
        if re.search(r'^int main\(', code, re.M):
            yield f'#line {line} "{path}"\n{code}'
        elif code.lstrip().startswith('template '):
            yield f'#include "{prelude}"\n#line {line} "{path}"\n{code}\n'
        else:
            snippets.append(f'void snippet_{number}() {{\n#line {line} "{path}"\n{code}\n}}\n')
    yield ''.join(snippets)


def main():
    prelude, root, *compiler = sys.argv[1:]
    root = pathlib.Path(root)
    found = list(pieces(root))
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for number, unit in enumerate(translation_units(found, prelude)):
            source = pathlib.Path(folder, f'{number}.cpp')
            source.write_text(unit, encoding='utf-8')
            run = subprocess.run([*compiler, *STRICT, f'-I{root}/include', str(source)],
                                 capture_output=True, text=True, check=False)
            print(run.stderr, end='')
            failed = failed or run.returncode != 0
    places = [f'{path}:{line}' for path, line, _ in found]
    print(f'{len(found)} pieces of code:', *places, sep='\n  ')
    # A pattern that finds nothing any more would be no test.
    kinds = {'README.md', 'include/iq/worker_group.hpp', 'include/iq/status.hpp'}
    missing = kinds - {place.split(':')[0] for place in places}
    if missing:
        print('found no code in:', *missing)
    sys.exit(1 if failed or missing else 0)


main()
