#!/usr/bin/env python3
"""Proves that the tests can see the faults they are for: each mutant is a small weakening of the
library, and one named case of the tests must fail with it that passes without it.

For each mutant the changed source is written below OUT and found before the true one; every object
that includes it is compiled with the flags of the build, and the one test executable is linked
anew. A mutant that survives, that does not compile or that no longer applies fails the run. So does
a control, a change that weakens nothing, if its case fails: then the failures prove nothing.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

from mutants import CONTROLS, MUTANTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_S = 12  # of a case that hangs; the watchdog then tells its stacks
KILL_S = 120  # of a run that not even the watchdog ends
SUMMARY = re.compile(r'^iqtest: (\d+) passed, (\d+) failed, (\d+) skipped$', re.M)


class Failed(Exception):
    """Why a mutant proves nothing."""


# ---- what is written down about a mutant ----

def cases_of(test):
    """The names of the cases in a test file, as C++ would read them."""
    text = (ROOT / 'tests' / f'{test}.cpp').read_text(encoding='utf-8')
    found = re.findall(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', text)
    return [''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', literal)) for literal in found]


def changed_text(mutant):
    text = (ROOT / mutant.file).read_text(encoding='utf-8')
    if (count := text.count(mutant.old)) != 1:
        raise Failed(f'its old text is in {mutant.file} {count} times, not once')
    if mutant.old == mutant.new:
        raise Failed('it changes nothing')
    return text.replace(mutant.old, mutant.new)


def check(mutant):
    changed_text(mutant)
    if not (ROOT / 'tests' / f'{mutant.test}.cpp').exists():
        raise Failed(f'there is no tests/{mutant.test}.cpp')
    if (count := cases_of(mutant.test).count(mutant.case)) != 1:
        raise Failed(f'tests/{mutant.test}.cpp has {count} cases "{mutant.case}", not one')


def check_all():
    failures = []
    for mutant in MUTANTS + CONTROLS:
        try:
            check(mutant)
        except Failed as why:
            failures.append(f'tests/mutants: {mutant.id}: {why}')
    ids = [mutant.id for mutant in MUTANTS + CONTROLS]
    failures += [f'tests/mutants: {name}: twice' for name in set(ids)
                 if ids.count(name) > 1]
    for failure in failures:
        print(failure)
    print(f'{len(MUTANTS)} mutants, {len(failures)} findings')
    return not failures


# ---- building one ----

class Build:
    """What Meson and ninja know: commands, and which object includes which file."""

    def __init__(self, folder):
        self.folder = folder
        with open(folder / 'compile_commands.json', encoding='utf-8') as file:
            self.compile = {entry['output']: shlex.split(entry['command'])
                            for entry in json.load(file)}
        self.includes = {}
        self.archives = {}

    def ninja(self, *arguments):
        run = subprocess.run(['ninja', '-C', self.folder, *arguments], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if run.returncode != 0:
            sys.exit(f'{run.stdout}\nrun.py: ninja {" ".join(arguments)} failed')
        return run.stdout

    def executable(self, test):
        """Of tests/<folder>/<name>.cpp: built beside the others or, with more sources, there."""
        folder, name = test.split('/')
        beside = f'tests/{folder}-{name}'
        return beside if f'{beside}.p/{folder}_{name}.cpp.o' in self.compile \
            else f'tests/{folder}/{folder}-{name}'

    def bring_up_to_date(self, executables):
        self.ninja(*executables)
        current = None
        for line in self.ninja('-t', 'deps').splitlines():
            if line.startswith('    '):
                path = os.path.normpath(self.folder / line.strip())
                self.includes[current].add(path)
            elif ': #deps' in line:
                current = line.split(': #deps')[0]
                self.includes[current] = set()

    def objects_of(self, archive):
        if archive not in self.archives:
            inputs = self.ninja('-t', 'query', archive).splitlines()
            self.archives[archive] = [line.strip() for line in inputs if line.endswith('.o')]
        return self.archives[archive]

    def link_command(self, executable):
        lines = self.ninja('-t', 'commands', '-s', executable).splitlines()
        return shlex.split([line for line in lines if executable in line][-1])


def with_ccache(command):
    if shutil.which('ccache') and pathlib.Path(command[0]).name != 'ccache':
        return ['ccache', *command]
    return command


def run_tool(command, folder):
    run = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, check=False)
    if run.returncode != 0:
        raise Failed(f'does not build: {shlex.join(map(str, command))}\n{run.stdout}')


def sources_in(path):
    """A source, or those that Meson compiles as one."""
    if '-unity' not in os.path.basename(path):
        return [path]
    text = pathlib.Path(path).read_text(encoding='utf-8')
    return [os.path.normpath(name) for name in re.findall(r'#include\s*[<"](.*?)[>"]', text)]


def compile_changed(build, mutant, place, targets):
    """Compiles what the targets are made of, together, with the changed source in the place of the
    true one. Sources of the library may be compiled as one unit, and that is much faster."""
    true_source = str(ROOT / mutant.file)
    changed = place / 'src' / mutant.file
    command, sources = [], []
    for target in targets:
        command = []
        words = iter(build.compile[target])
        for word in words:
            if word in ('-o', '-MF', '-MQ'):
                next(words)
            elif word == '-c':
                source = next(words)
            else:
                command.append(word)
        sources += [str(changed) if path == true_source else path
                    for path in sources_in(os.path.normpath(build.folder / source))]
    source = sources[0]
    if len(sources) > 1:
        source = place / 'unit.cpp'
        source.write_text(''.join(f'#include "{path}"\n' for path in sources), encoding='utf-8')
    made = place / f'{targets[0].replace("/", "+")}'
    depfile = f'{made}.d'
    at = next(i for i, word in enumerate(command) if word.startswith('-'))
    command[at:at] = [f'-I{place / "src" / "include"}', f'-I{place / "src" / "lib"}']
    run_tool(with_ccache([*command, '-MQ', made, '-MF', depfile, '-o', made, '-c', source]),
             build.folder)
    seen = pathlib.Path(depfile).read_text(encoding='utf-8').replace('\\\n', ' ').split()
    if str(changed) not in seen:
        raise Failed(f'{targets} were compiled without the change')
    return made


def build_mutant(build, mutant, place):
    """Makes the changed library and links the test against it. Returns the executable."""
    shutil.rmtree(place, ignore_errors=True)
    changed = place / 'src' / mutant.file
    changed.parent.mkdir(parents=True)
    changed.write_text(changed_text(mutant), encoding='utf-8')
    true_executable = build.executable(mutant.test)
    link = build.link_command(true_executable)
    ours = [word for word in link if word.endswith('.o')]
    archives = [word for word in link if word.startswith('lib/') and word.endswith('.a')]
    objects = ours + [each for archive in archives for each in build.objects_of(archive)]
    true_source = str(ROOT / mutant.file)
    affected = [each for each in objects if true_source in build.includes.get(each, ())]
    if not affected:
        raise Failed(f'nothing that {true_executable} links is made of {mutant.file}')
    made = {each: compile_changed(build, mutant, place, [each])
            for each in affected if each in ours}
    executable = place / 'test'
    words = [executable if word == true_executable else made.get(word, word) for word in link]
    if of_library := [each for each in affected if each not in ours]:
        # Objects come before archives, so nobody asks the archive for what they define.
        last = max(i for i, word in enumerate(link) if word.endswith('.o'))
        words.insert(last + 1, compile_changed(build, mutant, place, of_library))
    run_tool(words, build.folder)
    return executable


# ---- running one ----

def run_case(executable, case, folder):
    """('passed', ''), ('caught', how) or an exception when it was neither."""
    # A comma separates filters, and ? stands for any character.
    command = [executable, '-tc=' + case.replace(',', '?').replace('\\', ''), '-nc']
    environment = dict(os.environ, IQ_TEST_LIMIT_S=str(LIMIT_S))
    environment.pop('IQ_TEST_DIRECT', None)
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output = process.communicate(timeout=KILL_S)[0].decode('utf-8', 'replace')
    except subprocess.TimeoutExpired as late:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Failed(f'its run did not end within {KILL_S} s, nor did the watchdog end it') \
            from late
    summary = SUMMARY.findall(output)
    counts = tuple(int(number) for number in summary[-1]) if summary else None
    if counts == (1, 0, 0) and process.returncode == 0:
        return 'passed', ''
    if counts is None or counts[0] != 0 or counts[1] == 0 or process.returncode == 0:
        raise Failed(f'no proof: {shlex.join(map(str, command))} said {counts}, exit code '
                     f'{process.returncode}\n{output[-2000:]}')
    return 'caught', how_it_failed(output, case)


def how_it_failed(output, case):
    for word, how in (('HANGS', 'hangs'), ('CRASHED', 'crashes')):
        if f'iqtest: "{case}" {word}' in output:
            return how
    if f'TEST CASE:  {case}' not in output:
        raise Failed(f'no proof: it was not "{case}" that failed\n{output[-2000:]}')
    place = re.search(r'(\w+\.[ch]pp):(\d+): (?:FATAL )?ERROR', output)
    return f'{place[1]}:{place[2]}' if place else 'fails'


class Proof:
    def __init__(self, mutant):
        self.mutant = mutant
        self.caught = False
        self.how = ''
        self.seconds = 0.0

    def make(self, build, out, repeat):
        start = time.monotonic()
        place = out / self.mutant.id
        try:
            executable = build_mutant(build, self.mutant, place)
            for _ in range(repeat):
                result, self.how = run_case(executable, self.mutant.case, build.folder)
                if result == 'passed':
                    raise Failed('SURVIVED')
            self.caught = True
            shutil.rmtree(place, ignore_errors=True)  # what failed stays to be looked at
        except Failed as why:
            self.how = str(why)
        self.seconds = time.monotonic() - start
        print(f'{"caught" if self.caught else "FAILED":7} {self.mutant.id} '
              f'({self.seconds:.1f} s): {self.how}', flush=True)
        return self


def prove_baseline(build, mutant):
    """Without the change the same command passes."""
    executable = build.folder / build.executable(mutant.test)
    result, how = run_case(executable, mutant.case, build.folder)
    if result != 'passed':
        raise Failed(f'tests/{mutant.test}.cpp: "{mutant.case}" fails without any change ({how})')


def prove_control(build, control, out):
    """Nor does building it as the mutants are built make it fail."""
    place = out / control.id
    result, how = run_case(build_mutant(build, control, place), control.case, build.folder)
    if result != 'passed':
        raise Failed(f'the control {control.id} fails ({how}), see {place}')
    shutil.rmtree(place)


def print_table(proofs):
    rows = [('mutant', 'label', 'what is weakened', 'caught by', 'where')]
    rows += [(proof.mutant.id, proof.mutant.label, proof.mutant.breaks,
              f'{proof.mutant.test}.cpp "{proof.mutant.case}"',
              proof.how.splitlines()[0] if proof.caught else 'NOT CAUGHT') for proof in proofs]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print(' | '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def prove(out, repeat, jobs, ids):
    unknown = set(ids) - {mutant.id for mutant in MUTANTS}
    if unknown:
        sys.exit(f'run.py: no such mutant: {" ".join(sorted(unknown))}')
    chosen = [mutant for mutant in MUTANTS if not ids or mutant.id in ids]
    build = Build(out.parent)
    build.bring_up_to_date(sorted({build.executable(mutant.test)
                                   for mutant in chosen + CONTROLS}))
    out.mkdir(exist_ok=True)
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        baselines = {(mutant.test, mutant.case): mutant for mutant in chosen}
        try:
            list(pool.map(lambda mutant: prove_baseline(build, mutant), baselines.values()))
            list(pool.map(lambda control: prove_control(build, control, out), CONTROLS))
        except Failed as why:
            sys.exit(f'run.py: {why}')
        print(f'{len(baselines)} cases pass without any change, {len(CONTROLS)} with changes that '
              f'weaken nothing ({time.monotonic() - start:.0f} s)', flush=True)
        proofs = list(pool.map(lambda mutant: Proof(mutant).make(build, out, repeat), chosen))
    print()
    print_table(proofs)
    caught = sum(proof.caught for proof in proofs)
    survived = sum(proof.how == 'SURVIVED' for proof in proofs)
    broken = len(proofs) - caught - survived
    print(f'\n{len(proofs)} mutants, {caught} caught, {survived} survived' +
          (f', {broken} proved nothing (see above)' if broken else '') +
          f', {time.monotonic() - start:.0f} s')
    return caught == len(proofs)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true',
                        help='only: each mutant has its place, and its case is there')
    parser.add_argument('--repeat', type=int, default=1, help='run each case so often')
    parser.add_argument('--jobs', type=int, default=2, help='so many mutants at a time')
    parser.add_argument('out', nargs='?', help='a folder in a build folder of Meson')
    parser.add_argument('ids', nargs='*', metavar='ID', help='these mutants only')
    arguments = parser.parse_intermixed_args()
    if not check_all():
        return 1
    if arguments.check:
        return 0
    if arguments.out is None:
        parser.error('OUT is missing')
    out = pathlib.Path(arguments.out).resolve()
    return 0 if prove(out, arguments.repeat, arguments.jobs, arguments.ids) else 1


if __name__ == '__main__':
    sys.exit(main())
