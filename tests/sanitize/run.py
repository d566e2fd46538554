#!/usr/bin/env python3
"""Runs the C++ tests of a build folder under its sanitizer: run.py address|thread BUILD [TEST ...].

Every report counts, whichever process wrote it: sanitizers write them to files, and a file is a
failure, also where a test takes the death of its child for what it wanted. Prints what was left
out and why, then `N passed, N failed`."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# What cannot be shown under AddressSanitizer, by case: (the name with doctest's wildcards, why).
LEFT_OUT = {
    'address': [
        ('Limits: RLIMIT_AS:*', 'the shadow alone needs 16 TiB of address space'),
        ('outstanding: a server without memory*', 'its allocator ends a process without memory'),
        ('misuse: a child forked by a task*', 'the leak check of a child that exits in a task sees '
                                              'that stack and no other'),
        ('Limits: RLIMIT_NOFILE:*', 'the check of vptrs opens a pipe for each look, and takes it '
                                    'for a finding when there is no descriptor left'),
        ('fork: refused for want of desc*', 'the check of vptrs, as above'),
        ('batched: children forked beside*', 'as the next'),
        ('*000 forks beside*', "g++ 12's allocator for ASan does not take its locks around "
                                 'fork: a child of a process whose threads are in malloc hangs'),
        ('resources: a table that waits*', 'each fork copies the shadow, which takes the '
                                           'processor time that is measured'),
        ('resources: memory does not*', 'what was freed is kept for a while'),
        ('background: the destructor does*', 'the same'),
    ],
    'thread': [],
}
# Tests that are not run at all, and why.
NOT_RUN = {'steps-steps': 'a process run instruction by instruction, with those of a sanitizer, '
                          'takes hours; what it does is done in other suites as well'}
# ThreadSanitizer knows a place by its address in one process, so it is asked where threads of one
# process use one mapping; between processes it would see nothing. It models no fences. None is
# needed for what it looks at: every order on which plain bytes rest (P1, P2, P3, P9, P10 in
# docs/protocol.md) is a release and an acquire of one word. The fences, and membarrier, order a
# store before a load of another word (P5, P6, P7), whose outcome is a wake or a take-over and
# shows in the counts; the release fence of P13 is for a successor of a process that was killed.
THREAD_TESTS = ['stress-threads', 'stress-thread_mix', 'stress-thread_ends']
REPEAT = {'address': 1, 'thread': 4}

OPTIONS = {
    'address': {
        'ASAN_OPTIONS': 'detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1',
        'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1',
        'LSAN_OPTIONS': 'report_objects=1',
    },
    'thread': {
        'TSAN_OPTIONS': 'halt_on_error=0:second_deadlock_stack=1:history_size=4',
    },
}


def chosen_tests(build, kind, wanted):
    listed = json.loads(subprocess.check_output(['meson', 'introspect', '--tests', build]))
    folder = str(build.resolve())
    names = [test['name'] for test in listed
             if test['cmd'][0].startswith(folder) and test['name'] not in NOT_RUN]
    if kind == 'thread':
        names = [name for name in names if name in THREAD_TESTS]
    return [name for name in names if not wanted or name in wanted]


def environment(kind, reports):
    result = dict(os.environ, IQ_TEST_LIMIT_S='240', IQ_REPORTS=str(reports))
    for name, value in OPTIONS[kind].items():
        result[name] = f'{value}:log_path={reports}/{name.split("_")[0].lower()}'
    result['MALLOC_PERTURB_'] = '0'
    return result


# What it says of every program that has fibers.
REMARK = "ASan doesn't fully support makecontext/swapcontext functions and may produce false"


def is_finding(path):
    lines = path.read_text(errors='replace').splitlines()
    return any(line.strip() and REMARK not in line for line in lines)


def show_reports(reports):
    found = sorted(path for path in reports.glob('*') if is_finding(path))
    for path in found[:20]:
        print(f'==== report {path.name}')
        print('\n'.join(path.read_text(errors='replace').splitlines()[:80]))
    return len(found)


def main():
    kind, build = sys.argv[1], pathlib.Path(sys.argv[2])
    names = chosen_tests(build, kind, sys.argv[3:])
    if not names:
        sys.exit(f'there are no tests in {build}')
    reports = build.resolve() / 'reports'
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    # Meson splits at spaces, doctest at commas.
    left_out = ','.join(name.replace(' ', '?') for name, _ in LEFT_OUT[kind])
    arguments = [f'--test-args=-tce={left_out}'] if left_out else []
    log = build / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    run_log = build / 'test-run.log'
    # Where addresses are too random for its shadow, ThreadSanitizer does not start.
    fixed = ['setarch', '--addr-no-randomize']
    calm = subprocess.run([*fixed, 'true'], capture_output=True, check=False).returncode == 0
    prefix = fixed if kind == 'thread' and calm else []
    with open(run_log, 'w', encoding='utf-8') as out:
        status = subprocess.call([*prefix, 'meson', 'test', '-C', str(build), '--no-rebuild',
                                  '--repeat', str(REPEAT[kind]), *arguments, *names],
                                 env=environment(kind, reports), stdout=out)
    found = show_reports(reports)
    for name, why in LEFT_OUT[kind] + list(NOT_RUN.items()):
        print(f'left out under {kind}: {name}: {why}')
    sys.stdout.flush()
    summary = [sys.executable, str(HERE.parent / 'support' / 'summary.py'), str(log), str(status),
               str(run_log)]
    failed = subprocess.call(summary)
    if found:
        print(f'{kind}: {found} reports of the sanitizer, 0 are allowed')
    sys.exit(1 if failed or found else 0)


if __name__ == '__main__':
    main()
