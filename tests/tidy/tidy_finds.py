#!/usr/bin/env python3
"""tidy.py finds what it is there for: a small tree with one fault of each kind."""
import pathlib
import re
import sys
import tempfile

import tidy

# path: (text, findings that it must cause)
LONG_FUNCTION = 'void f() {\n' + '  if (true) { g(); }\n' * 61 + '}\n'
FAULTY = {
    'include/iq/queue.hpp': (
        '// A.\n#include <unistd.h>\n#include "shm/segment.hpp"\n',
        ['queue.hpp:1: no #pragma once', '<unistd.h> in a public header',
         'a public header includes "shm/segment.hpp"']),
    'include/iq/detail/novel.hpp': ('// A.\n#pragma once\n', ['novel.hpp:1: on no floor']),
    'lib/shm/up.cpp': (
        '// A.\n#include "ring/lane.hpp"\n', ['up.cpp:2: shm (floor 2) includes "ring/lane.hpp"']),
    'lib/ring/beside.cpp': (
        '// A.\n#include "codec/codec.hpp"\n', ['includes "codec/codec.hpp" of codec (floor 3)']),
    'lib/ring/posix.cpp': (
        '// A.\n#include <boost/interprocess/mapped_region.hpp>\n#include <sys/mman.h>\n',
        ['<boost/interprocess/mapped_region.hpp> above lib/sys', '<sys/mman.h> above lib/sys']),
    'lib/work/posix.cpp': (
        '// A.\n#include <sys/wait.h>\n#include <sys/mman.h>\n',
        ['posix.cpp:3: <sys/mman.h> above lib/sys']),
    'lib/base/silent.cpp': ('int a;\n', ['opens with 0 lines', 'is not built', 'no test of its']),
    'lib/base/talking.cpp': ('// A.\n' * 16, ['opens with 16 lines']),
    'lib/base/long.cpp': ('// A.\n' + LONG_FUNCTION, ['long.cpp:2: a function of 61 lines']),
    'lib/base/longer.cpp': ('// A.\n' * 1 + '\n' * 400, ['more than 400 lines']),
    'lib/base/wide.cpp': (f'// {"x" * 98}\n', ['101 columns']),
    'lib/base/note.cpp': ('// A TO' 'DO.\n', ['finish it']),
    'lib/base/clock.cpp': (
        '// Not system_clock.\nauto t = std::chrono::system_clock::now();\n',
        ['clock.cpp:2: system_clock can be set back']),
    'lib/base/path.cpp': ('// See /ho' 'me/me/x.\n', ['path of a machine: /ho' 'me/me/x']),
    'lib/base/twin_a.cpp': ('// A.\nclass Board final : public A {\n};\nstruct Other;\n', []),
    'lib/base/twin_b.cpp': (
        '// A.\nnamespace {\nstruct alignas(64) Board {\n};\nstruct Other {};\n}\n',
        ['twin_b.cpp:3: Board is also in lib/base/twin_a.cpp:2']),
    'lib/base/label.cpp': (
        '// T1, T3..T5; not names in code.\ntemplate <class T9> struct A;\nauto s = "T8";\n'
        'void f() {\n  IQ_KILL_POINT(known);\n  IQ_KILL_POINT(unknown);\n}\n',
        ['label T5 is not in', 'kill point unknown is not in']),
    'include/iq/error.hpp': (
        '// A.\n#pragma once\nenum class Errc : int {\n  told = 1,\n  untold,\n  twice,\n};\n',
        []),
    'tests/base/error.cpp': ('TEST_CASE(\n    "told, "\n    "and broken") {}\n', []),
    'docs/errors.md': (
        '| `told` | a | `base/error.cpp` "told, and broken" |\n'
        '| `twice` | a | `base/error.cpp` "no case" |\n| `twice` | b |\n'
        '| `stranger` | a | `base/error.cpp` "told, and broken" |\n',
        ['errors.md:1: untold has no row', 'has no case "no case"', 'twice has a second row',
         'errors.md:3: a row without a test', 'stranger is no code']),
    'docs/testing.md': (
        '# A\n| none |\n## Faults and their tests\n| fault | test |\n|---|---|\n'
        '| a | `base/error.cpp` "told, and broken" |\n| b | nothing |\n'
        '| c | `base/error.cpp` "told, and broken", "no case"; `base/none.cpp` "x" |\n',
        ['testing.md:7: a row without a test', 'testing.md:8: tests/base/error.cpp has no case "no',
         'tests/base/none.cpp has no case "x"']),
    'docs/decisions/0001-long.md': ('\n' * 51, ['51 lines']),
    'docs/protocol.md': (
        '| T1 | a |\n| **T3** | b |\n**T4** c\n- **I7** d\n## Kill points\n- `known`\n- `gone`\n',
        ['label I7 is nowhere', 'kill point gone is nowhere']),
}
CLEAN = {
    'lib/base/fine.cpp': '// A.\n#include "iq/error.hpp"\n#include <vector>\n'
                         'namespace iq {\nconst char* s = "// TO-DO: {{{";\nint n = 1\'000;\n'
                         + 'int g() {\n  return 1;\n}\n' * 80 + '}\n',
    'lib/base/meson.build': "iq_sources += files('fine.cpp')\n",
    'docs/protocol.md': '# Words\n',
    'tests/base/fine.cpp': '// A.\n',
    'tests/base/meson.build': "iq_tests += {'base': ['fine']}\n",
}


def findings_of(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding='utf-8')
        return tidy.Tidy(root).run()


def main():
    tidy.TESTED_ELSEWHERE = {}
    wrong = [f'found in a clean tree: {finding}' for finding in findings_of(CLEAN)]
    found = findings_of({path: text for path, (text, _) in FAULTY.items()})
    for path, (_, expected) in FAULTY.items():
        for part in expected:
            if not any(finding.startswith(path) and part in finding for finding in found):
                wrong.append(f'not found in {path}: {part}')
    wrong += [f'found wrongly: {finding}' for finding in found
              if re.search(r'errors.md:1: told|testing.md:[1-6]:', finding)]
    for name in ('T8', 'T9', 'T1 ', 'T3 ', 'T4 ', 'known is'):
        wrong += [f'found wrongly: {finding}' for finding in found
                  if f'label {name}' in finding or f'point {name}' in finding]
    tidy.TESTED_ELSEWHERE = {'lib/base/gone.cpp': 'nowhere'}
    lacking = findings_of({path: text for path, text in CLEAN.items() if 'docs/' not in path})
    for part in ('docs/protocol.md:1: does not exist', 'lib/base/gone.cpp does not exist'):
        if not any(part in finding for finding in lacking):
            wrong.append(f'not found: {part}')
    print('\n'.join(wrong + [f'{len(wrong)} wrong, {len(found)} found']))
    sys.exit(1 if wrong else 0)


main()
