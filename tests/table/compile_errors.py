#!/usr/bin/env python3
"""A table whose steps do not fit together is refused by one readable error, whatever is done with
it, not by pages of template names. Usage: compile_errors.py ROOT COMPILER..."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'support'))
import refusals  # noqa: E402

PRELUDE = '''#include "iq/iq.hpp"
int twice(int x) { return 2 * x; }
std::string word(int x) { return std::to_string(x); }
void drop(int) {}
struct Plain { int process(int x) { return x; } };
struct Wordy { int process(const std::string& text) { return static_cast<int>(text.size()); } };
struct Empty {};
struct Putting { void process(int x, iq::Output<int>& out) const { out.put(x); } };
struct Any { template <class T> int process(const T&) { return 1; } };
void many(int x, iq::Output<int>& out) { out.put(x); }
'''
USES = (' p.put(1); p.put_all({1, 2}); p.put_iterable(std::views::iota(0, 3)); p.run();'
        ' for (auto r : p.results()) static_cast<void>(r);')
QUIET_USES = ' p.put(1); p.put_all({1, 2}); p.put_iterable(std::views::iota(0, 3)); p.run();'

FITS = 'a step cannot take what the step before it gives'
NOTHING = 'a step returns nothing and is not the last one'
FIRST = 'the first step does not name the type of what it takes'
MANY = 'the function of an iterstep neither returns a range'
CALLED = 'iq::funcstep and iq::iterstep take what can be called'
FLATTEN = 'iq::flatten gets entries from the step before it that are no ranges'
POINTER = 'must not contain a pointer'
BYTES = 'an iq::Bytes is no item of a pipeline'

GOOD = ['iq::Steps p{iq::step<Putting>(2), iq::funcstep(twice)};' + USES,
        'iq::Steps p{iq::step<Plain>(4), iq::funcstep(twice), iq::iterstep(many, 2)};' + USES,
        'iq::Steps p{iq::step<Plain>({.workers = 2, .retries = 1}), iq::funcstep(drop)};'
        + QUIET_USES,
        'iq::Steps p{iq::entries<int>, iq::funcstep([](auto x) { return x; }), iq::step<Any>(),'
        ' iq::chunk(3), iq::flatten};' + USES,
        'iq::Steps p({.daemon = true}, iq::step(Plain{}, 2));' + USES]
# A table, and what its one error must say.
BAD = [
    ('iq::Steps p{iq::step<Plain>(4), iq::step<Wordy>(2), iq::funcstep(twice)};', FITS),
    ('iq::Steps p{iq::funcstep(word), iq::funcstep(twice)};', FITS),
    ('iq::Steps p{iq::funcstep(twice), iq::step<Empty>()};', FITS),
    ('iq::Steps p{iq::funcstep(twice), iq::funcstep([](int& x) { return x; })};', FITS),
    ('iq::Steps p{iq::funcstep(drop), iq::funcstep(twice), iq::funcstep(twice)};', NOTHING),
    ('iq::Steps p{iq::funcstep([](auto x) { return x; }), iq::funcstep(twice)};', FIRST),
    ('iq::Steps p{iq::chunk(3), iq::funcstep(twice)};', FIRST),
    ('iq::Steps p{iq::iterstep(twice)}; for (long x : p.results()) static_cast<void>(x);', MANY),
    ('iq::Steps p{iq::iterstep(Putting{}, 2), iq::funcstep(twice)};', CALLED),
    ('iq::Steps p{iq::funcstep(twice), iq::funcstep(Plain{})};', CALLED),
    ('iq::Steps p{iq::funcstep(twice), iq::flatten};', FLATTEN),
    ('iq::Steps p{iq::funcstep(twice), iq::funcstep([](const int& x) { return &x; })};', POINTER),
    ('iq::Steps p{iq::funcstep([](int) { return iq::Bytes(); })};', BYTES),
    ('iq::Steps p{iq::StepsOptions{.daemon = true}, iq::funcstep(twice), iq::step<Wordy>(2)};',
     FITS),
]

sys.exit(refusals.check(PRELUDE, GOOD, [(call + USES, text) for call, text in BAD], 'tables'))
