#!/usr/bin/env python3
"""A stage that does not fit what comes is refused by one readable error, whatever follows it, not
by pages of template names. Usage: compile_errors.py ROOT COMPILER..."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'support'))
import refusals  # noqa: E402

PRELUDE = '''#include "iq/iq.hpp"
#include <memory>
#include <thread>
using std::views::iota;
int twice(int x) { return 2 * x; }
iq::Pipeline<int> start();
iq::IterableQueue<iq::TextView>& texts();
iq::Generator<int> same(iq::Generator<int> range);
struct Closed { private: int hidden = 1; public: Closed(int); Closed(const Closed&); };
'''
WHOLE = 'iq::pipeline().from(iota(0, 10))'
START = 'start()'  # only what is refused is looked at

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
VIEW = 'it would outlive what these show'
POINTER = 'must not contain a pointer'
NAMED = 'a stage is added to a pipeline that is given away by that'
OWNER = 'must not contain a smart pointer'
STEP = 'a step cannot be called with the range that the one before'
RANGE = 'a step returns no range'
FORWARD = "the stage's input is no output of it"

GOOD = [f'auto p = {WHOLE}.map(twice, {{.workers = 2}}).map([](const int& x) {{ return x; }});',
        f'{WHOLE}.filter([](int x) {{ return x > 1; }}).for_each([](const int&) {{}});',
        f'auto p = {WHOLE}.map([](int x) {{ return x + 0.5; }},'
        ' {.on_error = iq::forward_input});',
        'for (int x : iq::combine(iota(0), same, iq::chunk(3), iq::flatten)) twice(x);']
# A pipeline, and what its one error must say.
BAD = [
    (f'auto p = {START}.map([](std::string x) {{ return x; }}).map(twice).sort();', MAP),
    (f'auto p = {START}.map([](std::string x) {{ return x; }}).map(twice, {{.workers = 2,'
     ' .on_error = iq::ignore, .ordered = true, .name = "twice"}).sort({}, {.capacity = 4});', MAP),
    (f'{START}.map([](int& x) {{ return x; }}).filter(twice).for_each([](int) {{}});', MAP),
    (f'{START}.map([](int) {{}}).map(twice).fold(std::plus{{}}, 0);', NOTHING),
    (f'auto p = {START}.map([](const int& x) {{ return &x; }}).map(twice);', POINTER),
    (f'auto p = {START}.map([](int) {{ return iq::Bytes(); }});', BYTES),
    (f'auto p = {START}.map([](int) {{ return std::vector<iq::TextView>(); }});', VIEW),
    ('auto p = iq::pipeline().from(texts());', VIEW),
    (f'auto p = {START}.chain([](iq::Consumer<int>&, iq::Producer<iq::TextView>&) {{}});', VIEW),
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
    ('auto p = iq::pipeline().from(std::vector<const char*>{"a"}).map(twice);', POINTER),
    ('std::vector<std::unique_ptr<int>> v; for (auto& x : iq::pipeline().from(v)) (void)x;', OWNER),
    (f'auto p = {START}; auto q = p.map(twice, {{.workers = 2}}).filter(twice);', NAMED),
    (f'auto p = {START}; for (auto& x : p.filter(twice).map(twice)) (void)x;', NAMED),
    (f'auto p = {START}; p.chain([](iq::Consumer<int>&) {{}}).join();', NAMED),
    (f'auto p = {START}; auto q = p.sort();', NAMED),
    ('for (auto&& x : iq::combine(iota(0), twice, same)) (void)x;', STEP),
    ('iq::consume(iq::combine(std::vector{"a"}, same));', STEP),
    ('iq::consume(iq::combine(iota(0), same, [](auto) { return 1; }, iq::chunk(3)));', RANGE),
]

sys.exit(refusals.check(PRELUDE, GOOD, BAD, 'pipelines and chains'))
