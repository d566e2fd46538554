#!/usr/bin/env python3
"""A worker function that does not fit its queues is refused by one readable error, not by pages of
template names. Usage: compile_errors.py ROOT COMPILER..."""
import os
import pathlib
import subprocess
import sys
import tempfile

PRELUDE = '''#include "work/mock_queue.hpp"
using iqtest::MockProducer;
using iqtest::MockConsumer;
struct Overloaded {
  void operator()(MockProducer) {}
  void operator()(MockConsumer) {}
};
'''
CALL = 'void call%d(iq::WorkerGroup& crew, iqtest::MockQueue& q) { %s }\n'

NAME_THE_TYPES = 'the worker function must name the types of its parameters'
COUNT = 'the number of parameters does not fit'
ENDPOINTS = 'for each queue of items T, in the order of the queues'
NUMBER = "is the worker's number: declare it as int"
TOKENS = 'after the arguments come tokens, given away'
FURTHER = 'a further argument cannot be copied into the worker or does not convert'

GOOD = ['crew.fork(1, [](MockProducer, int, const char*) {}, q, "text");',
        'crew.fork({.count = 2, .restarts = 1}, [](MockProducer) {}, q);',
        'crew.exec("./worker", {"a", "b"}); crew.exec({.restarts = 1}, "./worker", {});']
# A call, and what its one error must say.
BAD = [
    ('crew.fork(1, [](auto&& out) { out.put(1); }, q);', NAME_THE_TYPES),
    ('crew.fork(1, Overloaded{}, q);', NAME_THE_TYPES),
    ('crew.fork(1, 5, q);', NAME_THE_TYPES),
    ('crew.fork(1, [] {}, q);', COUNT),
    ('crew.fork(1, [](MockProducer, int, int) {}, q);', COUNT),
    ('crew.fork(1, [](int) {}, q);', ENDPOINTS),
    ('crew.fork(1, [](MockProducer, int) {}, q, q);', ENDPOINTS),
    ('crew.fork(1, [](MockProducer, long) {}, q);', NUMBER),
    ('crew.fork(1, [](MockProducer, int*) {}, q, "text");', FURTHER),
    ('crew.fork(1, [](int, iqtest::MockQueue&) {}, 5, q);', FURTHER),
    ('crew.exec("./worker", {}, 5);', TOKENS),
    ('iq::Token* kept = nullptr; crew.exec("./worker", {"a", "b"}, *kept);', TOKENS),
]


def errors_of(root, compiler, calls):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'calls.cpp'
        path.write_text(PRELUDE + ''.join(CALL % numbered for numbered in enumerate(calls)))
        folders = ['-I' + str(root / name) for name in ('include', 'lib', 'tests')]
        result = subprocess.run([*compiler, '-std=c++20', '-fsyntax-only', *folders, str(path)],
                                capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C'})
        return [line for line in result.stderr.splitlines() if 'error:' in line]


def main():
    root, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    good = errors_of(root, compiler, GOOD)
    bad = errors_of(root, compiler, [call for call, _ in BAD])
    missing = [call for (call, text), error in zip(BAD, bad + [''] * len(BAD)) if text not in error]
    if not good and not missing and len(bad) == len(BAD):
        return 0
    print('must compile:', *good, 'without the expected error:', *missing, 'all errors:', *bad,
          sep='\n  ')
    return 1


sys.exit(main())
