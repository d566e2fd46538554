"""Misuses of the headers that the compiler refuses in one readable sentence, whatever follows, not
by pages of template names. Used by the compile_errors.py of several folders."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

CALL = 'void call%d() { %s }\n'


class Compiler:
    """Reads the headers once: each call then costs only itself."""

    def __init__(self, command, root, folder, prelude):
        self.folder = pathlib.Path(folder)
        self.command = [*command, '-std=c++20', f'-I{root}/include']
        self.prelude = self.folder / 'prelude.hpp'
        self.prelude.write_text(prelude)
        self.run('-x', 'c++-header', str(self.prelude), '-o', f'{self.prelude}.gch', check=True)

    def run(self, *words, check=False):
        return subprocess.run([*self.command, *words], check=check, capture_output=not check,
                              text=True, env={**os.environ, 'LC_ALL': 'C'})

    def errors_of(self, name, calls):
        path = self.folder / f'{name}.cpp'
        path.write_text(''.join(CALL % numbered for numbered in enumerate(calls)))
        result = self.run('-fsyntax-only', '-include', str(self.prelude), str(path))
        return [line for line in result.stderr.splitlines() if 'error:' in line]


def check(prelude, good, bad, what):
    """With `ROOT COMPILER...` as the program's arguments: `good` are bodies of functions that must
    compile, `bad` pairs of one that must not and what its one error has to say; `what` they are,
    for the reader. Returns the exit status."""
    root, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder, \
         concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as at_once:
        compiler = Compiler(command, root, folder, prelude)
        good_errors = at_once.submit(compiler.errors_of, 'good', good)
        # One by one: the order of the compiler's messages is its own.
        bad_errors = at_once.map(lambda i: compiler.errors_of(f'bad{i}', [bad[i][0]]),
                                 range(len(bad)))
        wrong = []
        for (call, text), errors in zip(bad, bad_errors):
            if len(errors) != 1 or text not in errors[0]:
                wrong += [call, f'  expected: {text}', *('  ' + error for error in errors)]
        good_errors = good_errors.result()
    if not good_errors and not wrong:
        print(f'{len(bad)} {what} are refused in one sentence each')
        return 0
    print('must compile:', *good_errors, 'without the one expected error:', *wrong, sep='\n  ')
    return 1
