#!/usr/bin/env python3
"""A function that serves no batches, or types that cannot travel, are refused by one readable
error, whatever follows, not by pages of template names.
Usage: compile_errors.py ROOT COMPILER..."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'support'))
import refusals  # noqa: E402

PRELUDE = '''#include "iq/iq.hpp"
#include <memory>
#include <set>
using Ids = std::span<const int>;
std::vector<int> add_one(Ids ids);
struct Shard { int number; };
struct Closed { private: int hidden = 1; public: Closed(int); Closed(const Closed&); };
'''

BATCH = 'iq::batched: the function cannot be called with a batch'
METHOD = 'iq::batched_method: the function cannot be called with an object and a batch'
NOTHING = 'iq::batched: the function returns nothing, but R is not void'
RANGE = 'iq::batched: the function returns no range'
ELEMENT = 'iq::batched: the function returns a range of something else'
SIGNATURE = 'it is declared by a signature'
ARGUMENTS = 'a function without arguments has no batches'
TEXT = 'must not contain a pointer to characters'
POINTER = 'must not contain a pointer'
VIEW = 'an argument or result must not contain an iq::TextView'
HIDDEN = 'a class with constructors or private members cannot be taken apart'
REFERENCE = 'an item must not be a reference'

GOOD = [
    'iq::batched<int(int)> f{add_one, {.max_size = 100}}; int i = f(1); (void)i;',
    'iq::batched<int(int)> f{iq::create_only, "f", [](auto ids) { return add_one(ids); }};',
    'iq::batched<long(int)> f{[](Ids) { return std::set<int>{1}; }}; f.async(1).get();',
    'iq::batched<void(int)> f{[](Ids) {}}; f(1); f.async(1).get();',
    'iq::batched<bool(int)> f{[](Ids ids) { return std::vector<bool>(ids.size()); }};',
    'iq::batched<void(int)> f{[](Ids) { return std::vector<iq::Outcome<void>>{}; }}; f(1);',
    'iq::batched<std::string(const std::string&, int)> f{[]'
    '(std::span<const std::tuple<std::string, int>>) { return std::vector{"a"}; }}; f("a", 1);',
    'iq::batched_method<int(const Shard&, int)> f{[](const Shard&, Ids ids)'
    ' { return add_one(ids); }}; f(Shard{1}, 2);',
]
# A function, and what the one error must say.
BAD = [
    ('iq::batched<int(int)> f{[](int x) { return x; }}; f(1);', BATCH),
    ('iq::batched<int(int)> f{[](std::vector<int> v) { return v; }, {.servers = 2}};', BATCH),
    ('iq::batched<int(int)> f{[](std::span<int>) { return std::vector<int>{}; }};', BATCH),
    ('iq::batched<int(int, int)> f{[](Ids ids) { return add_one(ids); }}; f(1, 2);', BATCH),
    ('iq::batched<int(int)> f{[] { return std::vector<int>{}; }}; auto g = f.async(1);', BATCH),
    ('iq::batched<int(int)> f{iq::create_only, "f", 5}; f(1);', BATCH),
    ('iq::batched<int(int)> f{iq::create_only, "f", [](std::string) {}, {.max_size = 3}};', BATCH),
    ('iq::batched<int(iq::TextView)> f{add_one}; f("a");', VIEW),
    ('iq::batched<iq::TextView(int)> f{[](Ids) { return std::vector<iq::TextView>(); }};', VIEW),
    ('iq::batched<int(int)> f{[](Ids) {}}; int i = f(1); (void)i;', NOTHING),
    ('iq::batched<int(int)> f{[](Ids ids) { return ids[0]; }}; f(1);', RANGE),
    ('iq::batched<void(int)> f{[](Ids) { return 0; }}; f(1);', RANGE),
    ('iq::batched<int(int)> f{[](Ids) { return std::vector<std::string>{}; }};', ELEMENT),
    ('iq::batched<int(int)> f{[](Ids) { return std::vector<iq::Outcome<long>>{}; }};', ELEMENT),
    ('iq::batched<void(int)> f{[](Ids) { return std::vector<int>{}; }}; f(1);', ELEMENT),
    ('iq::batched_method<int(Shard, int)> f{[](Ids ids) { return add_one(ids); }};', METHOD),
    ('iq::batched_method<int(Shard, int)> f{[](Shard&, Ids ids) { return add_one(ids); }};'
     ' f(Shard{1}, 2);', METHOD),
    ('iq::batched_method<int(Shard, int)> f{[](Shard, Ids) { return 1; }};', RANGE),
    ('iq::batched<int> f{add_one};', SIGNATURE),
    ('iq::batched_method<int> f{add_one};', SIGNATURE),
    ('iq::batched<int()> f{[] { return 1; }};', ARGUMENTS),
    ('iq::batched<int(const char*)> f{[](std::span<const char* const>) {'
     ' return std::vector<int>{}; }}; f("a");', TEXT),
    ('iq::batched<int*(int)> f{[](Ids) { return std::vector<int*>{}; }}; f(1);', POINTER),
    ('iq::batched<int(Closed)> f{iq::open_only, "f"}; f(Closed(1));', HIDDEN),
    ('iq::batched<const Shard&(int)> f{[](Ids) { return std::vector<Shard>{}; }}; f(1);',
     REFERENCE),
    ('iq::batched_method<int(Closed, int)> f{[](const Closed&, Ids ids) { return add_one(ids); }};'
     ' f(Closed(1), 2);', HIDDEN),
]

sys.exit(refusals.check(PRELUDE, GOOD, BAD, 'functions'))
