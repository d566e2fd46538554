#!/usr/bin/env python3
"""The house rules that a program can check. Usage: tidy.py ROOT; each finding is one line that says
where, what and what to do. The rules and their reasons: CONTRIBUTING.md."""
import pathlib
import re
import sys

import cases
import errors
import labels
import twins
from source import Source

FLOORS = {'base': 0, 'sys': 1, 'shm': 2, 'ring': 3, 'codec': 3, 'queue': 4, 'work': 5, 'remote': 5,
          'pipeline': 6, 'batch': 6, 'all': 7}

# The floor of each public header, by the first pattern that fits. A header says nothing about its
# floor by its folder, so a new one needs a line here.
HEADER_FLOORS = [
    (r'iq/(error|status|options|version|event|stats)\.hpp', 'base'),
    (r'iq/detail/(api|kill_point|deadline)\.hpp', 'base'),
    (r'iq/detail/(layout|lane_view|limit|stamp)\.hpp', 'shm'),
    (r'iq/detail/(producer|consumer|hand_over)_core\.hpp', 'ring'),
    (r'iq/(bytes|codec|views)\.hpp|iq/detail/(codec|type|payload|copy)(_\w+)?\.hpp', 'codec'),
    (r'iq/report\.hpp|iq/pipeline\w*\.hpp|iq/detail/pipeline_\w+\.hpp', 'pipeline'),
    (r'iq/steps?\.hpp|iq/detail/steps_\w+\.hpp', 'pipeline'),
    (r'iq/worker_\w+\.hpp|iq/detail/worker_\w+\.hpp', 'work'),
    (r'iq/(detail/)?(batch|task)(_\w+)?\.hpp', 'batch'),
    (r'iq/iq\.hpp', 'all'),
    (r'iq/\w+\.hpp|iq/detail/(queue|endpoint|consumer_iterator|closable|single_pass)_?\w*\.hpp',
     'queue'),
    (r'iq/detail/(generator_\w+|kept_range)\.hpp', 'queue'),
]

# What only lib/sys may include; lib/work besides what forking, signalling and reporting need.
SYSTEM_HEADER = re.compile(r'(?!fmt/)(?:[\w/]+\.h|boost/interprocess/.*)$')
ALLOWED_SYSTEM_HEADERS = {
    'lib/work/': {'sys/wait.h', 'sys/prctl.h', 'sys/socket.h', 'sys/signalfd.h', 'sys/syscall.h',
                  'sys/resource.h', 'sys/types.h', 'sys/uio.h', 'unistd.h', 'signal.h', 'poll.h',
                  'stdio_ext.h', 'cxxabi.h'},
    'lib/batch/': {'cxxabi.h'},
}

# Files of lib/ without a tests/<folder>/<same name>.cpp: where they are tested, and why there.
TESTED_ELSEWHERE = {
    'lib/base/standard_error.cpp': 'tests/batch/calls.cpp, tests/table/failures.cpp',
    # The ring's parts only mean something together and between processes.
    'lib/ring/consumer_ring.cpp': 'tests/queue/leases.cpp: steps and ends of batches',
    'lib/ring/end_of_stream.cpp': 'tests/process/streams.cpp, tests/faults/deaths.cpp',
    'lib/ring/figures.cpp': 'tests/queue/shared_queue.cpp, tests/queue/inspect.cpp: figures',
    'lib/ring/give_back.cpp': 'tests/queue/leases.cpp, tests/stress/threads.cpp',
    'lib/ring/hand_over.cpp': 'tests/queue/relay.cpp, tests/faults/relay.cpp',
    'lib/ring/hunger.cpp': 'tests/queue/get_put.cpp, tests/faults/lost_wakes.cpp',
    'lib/ring/lease.cpp': 'tests/queue/explicit_leases.cpp, tests/faults/scenes_consumer.cpp',
    'lib/ring/nudge.cpp': 'tests/process/stop.cpp: stop() in the middle of a batch',
    'lib/ring/parking.cpp': 'tests/faults/poison.cpp, tests/queue/leases.cpp',
    'lib/ring/producer_ring.cpp': 'tests/queue/endpoints.cpp: lanes and their owners',
    'lib/ring/put_errors.cpp': 'tests/queue/would_deadlock.cpp, tests/queue/errors.cpp',
    'lib/ring/repair.cpp': 'tests/faults/deaths.cpp, tests/faults/kill_points.cpp',
    'lib/ring/room.cpp': 'tests/queue/get_put.cpp, tests/faults/lost_wakes.cpp',
    'lib/ring/stage.cpp': 'tests/queue/loans.cpp: loans are stages of one item',
    'lib/ring/succession.cpp': 'tests/process/restarts.cpp, tests/faults/scenes_heirs.cpp',
    'lib/ring/take_over.cpp': 'tests/faults/take_over.cpp: needs kill points',
    'lib/ring/tend.cpp': 'tests/faults/inherited.cpp, tests/faults/alive.cpp',
    'lib/ring/wait.cpp': 'tests/faults/lost_wakes.cpp: needs kill points',
    # Endpoints that change their process need processes, and programs.
    'lib/queue/closable_store.cpp': 'tests/queue/closable_queue.cpp',
    'lib/queue/transfer.cpp': 'tests/process/adopt.cpp, tests/process/restarts.cpp',
    'lib/sys/passed_file.cpp': 'tests/process/exec.cpp: programs that close descriptors first',
    'lib/work/program_job.cpp': 'tests/process/exec.cpp',
    # A pipeline is its processes together: what one part does shows in what comes out.
    'lib/pipeline/conductor.cpp': 'tests/pipeline/failures.cpp, tests/pipeline/endings.cpp',
    'lib/pipeline/failure_text.cpp': 'tests/pipeline/failures.cpp: each text',
    'lib/pipeline/pipeline.cpp': 'tests/pipeline/modes.cpp, tests/pipeline/fluent.cpp',
    'lib/pipeline/process_crew.cpp': 'tests/pipeline/failures.cpp, tests/pipeline/endings.cpp',
    'lib/pipeline/stage_hooks.cpp': 'tests/table/hooks.cpp',
    'lib/pipeline/range_watch.cpp': 'tests/table/background.cpp: a range that blocks',
    'lib/pipeline/steps.cpp': 'tests/table/states.cpp, tests/table/background.cpp',
    'lib/pipeline/run.cpp': 'tests/pipeline/fluent.cpp, tests/pipeline/endings.cpp',
    'lib/pipeline/thread_crew.cpp': 'tests/pipeline/modes.cpp',
    # Batched calls only mean something between callers and servers.
    'lib/batch/board.cpp': 'tests/batch/shared_contexts.cpp',
    'lib/batch/gather.cpp': 'tests/batch/shared_contexts.cpp',
    'lib/batch/joining.cpp': 'tests/batch/shared_contexts.cpp',
    'lib/batch/membership.cpp': 'tests/batch/shared_contexts.cpp',
    'lib/batch/taken_calls.cpp': 'tests/batch/shared_contexts.cpp',
    'lib/batch/client.cpp': 'tests/batch/calls.cpp, contexts.cpp',
    'lib/batch/client_send.cpp': 'tests/batch/outstanding.cpp',
    'lib/batch/client_watch.cpp': 'tests/batch/servers.cpp, deaths.cpp',
    'lib/batch/function.cpp': 'tests/batch/calls.cpp, servers.cpp',
    'lib/batch/inbox.cpp': 'tests/batch/calls.cpp, servers.cpp',
    'lib/batch/remote_error.cpp': 'tests/batch/calls.cpp: errors that reach the caller',
    'lib/batch/scopes.cpp': 'tests/batch/contexts.cpp, scheduler.cpp',
    'lib/batch/serve.cpp': 'tests/batch/servers.cpp',
}

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_COLUMNS = 100
MAX_OPENING_LINES = 15
MAX_DECISION_LINES = 50
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')
MACHINE_PATH = re.compile(r'(?<![\w.}/-])/(home|root|work|Users|tmp/build)[/\w-]*')
# Clocks that somebody may set: a deadline on one of them would move.
SETTABLE_CLOCK = re.compile(
    r'\b(system_clock|CLOCK_REALTIME|gettimeofday|pthread_cond_timedwait)\b')
CODE_FOLDERS = ('include', 'lib', 'tests', 'examples', 'bench', 'tools')
OTHER_CODE = ('dev', '.ci/run', 'meson.build', 'meson_options.txt', 'CMakeLists.txt')


class Tidy:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.sources = [Source(root, path) for path in self.code_paths()]

    def code_paths(self):
        endings = {'.cpp', '.hpp', '.py', '.build', '.in', '.txt'}
        paths = [file for folder in CODE_FOLDERS for file in (self.root / folder).rglob('*')
                 if file.suffix in endings and '__pycache__' not in file.parts]
        paths += [self.root / name for name in OTHER_CODE if (self.root / name).exists()]
        return sorted(path.relative_to(self.root).as_posix() for path in paths)

    def say(self, path, line, what, remedy):
        self.findings.append(f'{path}:{line}: {what}: {remedy}')

    # ---- text ----

    def check_text(self, source):
        if len(source.lines) > MAX_FILE_LINES:
            self.say(source.path, len(source.lines), f'more than {MAX_FILE_LINES} lines',
                     'split the file by what it is about')
        for number, line in enumerate(source.lines, 1):
            if len(line) > MAX_COLUMNS:
                self.say(source.path, number, f'{len(line)} columns', f'at most {MAX_COLUMNS}')
            if line != line.rstrip() or '\t' in line:
                self.say(source.path, number, 'a tab or blanks at the end', 'run clang-format')
            if UNFINISHED.search(line):
                self.say(source.path, number, f'"{UNFINISHED.search(line)[0]}"',
                         'finish it, or open an issue and delete the note')
            if MACHINE_PATH.search(line):
                self.say(source.path, number, f'path of a machine: {MACHINE_PATH.search(line)[0]}',
                         'make it relative or an argument')

    def check_clocks(self, source):
        if not source.path.startswith(('lib/', 'include/')):
            return
        for match in SETTABLE_CLOCK.finditer(source.code):
            self.say(source.path, source.line_at(match.start()), f'{match[0]} can be set back',
                     'deadlines are kept on the monotonic clock: base/clock.hpp')

    def check_shape(self, source):
        if source.path.endswith('.hpp') and not re.search(r'^#pragma once$', source.text, re.M):
            self.say(source.path, 1, 'no #pragma once', 'add it below the opening comment')
        for line, length in source.functions():
            if length > MAX_FUNCTION_LINES:
                self.say(source.path, line, f'a function of {length} lines',
                         f'at most {MAX_FUNCTION_LINES}: give its steps names')
        if source.path.startswith('lib/') and source.path.endswith('.cpp'):
            opening = re.match(r'(?://[^\n]*\n)*', source.text)[0].count('\n')
            if not 1 <= opening <= MAX_OPENING_LINES:
                self.say(source.path, 1, f'opens with {opening} lines of comment',
                         f'1 to {MAX_OPENING_LINES}: what it is, why so, what it refuses')

    # ---- floors ----

    def folder_of_header(self, header):
        """The folder whose floor a header in quotes belongs to; None when nothing says."""
        if header.startswith('iq/'):
            return next((folder for pattern, folder in HEADER_FLOORS
                         if re.fullmatch(pattern, header)), None)
        folder = header.split('/')[0]
        return folder if folder in FLOORS else None

    def check_floors(self, source):
        if source.path.startswith('include/'):
            own = self.folder_of_header(source.path.removeprefix('include/'))
        elif source.path.startswith('lib/'):
            own = source.path.split('/')[1]
        else:
            return
        if own not in FLOORS:
            self.say(source.path, 1, 'on no floor', 'name it in tests/tidy/tidy.py')
            return
        for line, quote, header in source.includes:
            if quote == '<':
                self.check_system_header(source, line, header)
            else:
                self.check_own_header(source, own, line, header)

    def check_system_header(self, source, line, header):
        if source.path.startswith('include/') and not re.match(r'boost/pfr|\w+$', header):
            self.say(source.path, line, f'<{header}> in a public header',
                     'only the standard library and Boost.PFR: move it to lib/')
        elif SYSTEM_HEADER.match(header) and not source.path.startswith('lib/sys/'):
            allowed = next((names for folder, names in ALLOWED_SYSTEM_HEADERS.items()
                            if source.path.startswith(folder)), set())
            if header not in allowed:
                self.say(source.path, line, f'<{header}> above lib/sys',
                         'put the call behind a function of lib/sys')

    def check_own_header(self, source, own, line, header):
        theirs = self.folder_of_header(header)
        if theirs is None:
            self.say(source.path, line, f'"{header}" is on no floor',
                     'write "iq/…" or "<folder>/…"; a new header: tests/tidy/tidy.py')
        elif source.path.startswith('include/') and not header.startswith('iq/'):
            self.say(source.path, line, f'a public header includes "{header}"',
                     'include/ stands alone: move what is needed there')
        elif theirs != own and FLOORS[theirs] >= FLOORS[own]:
            self.say(source.path, line, f'{own} (floor {FLOORS[own]}) includes "{header}" of '
                     f'{theirs} (floor {FLOORS[theirs]})', 'include only what is below')

    # ---- the tree ----

    def check_tree(self):
        for source in self.sources:
            parts = source.path.split('/')
            if source.path.endswith('.cpp') and parts[0] in ('lib', 'tests') and len(parts) == 3:
                self.check_is_built(source)
            if parts[0] == 'lib' and source.path.endswith('.cpp'):
                self.check_is_tested(source)
        for path in TESTED_ELSEWHERE:
            if not (self.root / path).exists():
                self.say('tests/tidy/tidy.py', 1, f'{path} does not exist', 'drop its entry')
        for file in sorted((self.root / 'docs/decisions').glob('*.md')):
            count = len(file.read_text(encoding='utf-8').splitlines())
            if count > MAX_DECISION_LINES:
                self.say(file.relative_to(self.root).as_posix(), count, f'{count} lines',
                         f'a decision has at most {MAX_DECISION_LINES}')

    def check_is_built(self, source):
        path = pathlib.PurePosixPath(source.path)
        build = self.root / path.parent / 'meson.build'
        names = build.read_text(encoding='utf-8') if build.exists() else ''
        if f"'{path.stem}'" not in names and f"'{path.name}'" not in names:
            self.say(source.path, 1, 'is not built', f'name it in {path.parent}/meson.build')

    def check_is_tested(self, source):
        mirror = source.path.replace('lib/', 'tests/', 1)
        if not (self.root / mirror).exists() and source.path not in TESTED_ELSEWHERE:
            self.say(source.path, 1, 'has no test of its own', f'write {mirror}, or say in '
                     'TESTED_ELSEWHERE of tests/tidy/tidy.py where it is tested and why')

    def run(self):
        for source in self.sources:
            self.check_text(source)
            if source.is_cpp:
                self.check_shape(source)
                self.check_clocks(source)
                self.check_floors(source)
        self.check_tree()
        labels.check(self.root, self.sources, self.say)
        errors.check(self.root, self.say)
        cases.check(self.root, self.say)
        twins.check(self.sources, self.say)
        return self.findings


def main():
    findings = Tidy(pathlib.Path(sys.argv[1])).run()
    for finding in findings:
        print(finding)
    print(f'{len(findings)} findings')
    sys.exit(1 if findings else 0)


if __name__ == '__main__':
    main()
