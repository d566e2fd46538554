#!/usr/bin/env python3
"""A stage that does not fit what comes is refused by one readable error, whatever follows it, not
by pages of template names. Usage: compile_errors.py ROOT COMPILER..."""
import os
import pathlib
import subprocess
import sys
import tempfile

PRELUDE = '''#include "iq/iq.hpp"
#include <thread>
using std::views::iota;
int twice(int x) { return 2 * x; }
iq::Generator<int> same(iq::Generator<int> range);
struct Closed { private: int hidden = 1; public: Closed(int); Closed(const Closed&); };
'''
CALL = 'void call%d() { %s }\n'
START = 'iq::pipeline().from(iota(0, 10))'

MAP = 'the function of map cannot be called with'
NOTHING = 'the function of map returns nothing'
FILTER = 'the function of filter cannot be called with'
EACH = 'the function of for_each cannot be called with'
FOLD = 'the function of fold cannot be called with'
SORT = 'the function of sort cannot be called with'
NAME = 'the worker of chain must name the types of its parameters'
SHAPE = 'the worker of chain takes an iq::Consumer<In>, then an'
CHAIN = 'the worker of chain does not take what comes'
BYTES = 'an iq::Bytes is no item of a pipeline'
POINTER = 'must not contain a pointer'
STEP = 'a step cannot be called with the range that the one before'
RANGE = 'a step returns no range'
FORWARD = "the stage's input is no output of it"

GOOD = [f'auto p = {START}.map(twice, {{.workers = 2}}).map([](const int& x) {{ return x; }});',
        f'{START}.filter([](int x) {{ return x > 1; }}).for_each([](const int&) {{}});',
        f'auto p = {START}.map([](int x) {{ return x + 0.5; }},'
        ' {.on_error = iq::forward_input});',
        'for (int x : iq::combine(iota(0), same, iq::chunk(3), iq::flatten)) twice(x);']
# A pipeline, and what its one error must say.
BAD = [
    (f'auto p = {START}.map([](std::string x) {{ return x; }}).map(twice).sort();', MAP),
    (f'{START}.map([](int& x) {{ return x; }}).filter(twice).for_each([](int) {{}});', MAP),
    (f'{START}.map([](int) {{}}).map(twice).fold(std::plus{{}}, 0);', NOTHING),
    (f'auto p = {START}.map([](const int& x) {{ return &x; }}).map(twice);', POINTER),
    (f'auto p = {START}.map([](int) {{ return iq::Bytes(); }});', BYTES),
    (f'auto p = {START}.filter([](int) {{}});', FILTER),
    (f'auto p = {START}.filter([](std::string) {{ return true; }});', FILTER),
    (f'{START}.for_each([](std::string) {{}});', EACH),
    (f'{START}.fold([](int a, std::string) {{ return a; }}, 0);', FOLD),
    (f'{START}.fold([](int, int) {{}}, 0);', FOLD),
    (f'auto p = {START}.sort([](int) {{ return true; }});', SORT),
    (f'auto p = {START}.chain([](auto& in) {{ in.get(); }});', NAME),
    (f'auto p = {START}.chain([](int) {{}});', SHAPE),
    (f'auto p = {START}.chain([](iq::Consumer<long>&, iq::Producer<int>&) {{}}).map(twice);',
     CHAIN),
    (f'auto p = {START}.map([](int x) {{ return std::to_string(x); }},'
     ' {.on_error = iq::forward_input});', FORWARD),
    ('for (auto&& x : iq::combine(iota(0), twice, same)) (void)x;', STEP),
    ('iq::consume(iq::combine(std::vector{"a"}, same));', STEP),
    ('iq::consume(iq::combine(iota(0), same, [](auto) { return 1; }, iq::chunk(3)));', RANGE),
]


def errors_of(root, compiler, calls):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'calls.cpp'
        path.write_text(PRELUDE + ''.join(CALL % numbered for numbered in enumerate(calls)))
        result = subprocess.run([*compiler, '-std=c++20', '-fsyntax-only', f'-I{root}/include',
                                 str(path)],
                                capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C'})
        return [line for line in result.stderr.splitlines() if 'error:' in line]


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    good = errors_of(root, compiler, GOOD)
    wrong = []
    for call, text in BAD:  # one by one: the order of the compiler's messages is its own
        errors = errors_of(root, compiler, [call])
        if len(errors) != 1 or text not in errors[0]:
            wrong += [call, f'  expected: {text}', *('  ' + error for error in errors)]
    if not good and not wrong:
        print(f'{len(BAD)} pipelines and chains are refused in one sentence each')
        return 0
    print('must compile:', *good, 'without the one expected error:', *wrong, sep='\n  ')
    return 1


sys.exit(main())
