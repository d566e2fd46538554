#!/usr/bin/env python3
"""Builds the fuzz targets with libFuzzer and runs each on its kept inputs:

    run.py BUILD_DIR SECONDS [TARGET ...]   new inputs go to BUILD_DIR/inputs/TARGET
    run.py BUILD_DIR keep [TARGET ...]      and the fewest that cover as much to corpus/TARGET

Prints one line per target. Exits nonzero on findings, which lie in BUILD_DIR/findings/TARGET; copy
the input to corpus/TARGET/finding-WHAT, so that the suite `fuzz` shows it for ever."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGETS = ['attach', 'claim', 'codec', 'repair']

MOST_FILES = 50        # per target
MOST_BYTES = 120_000
# No thread watches the memory: with a second thread the library locks in another, slower way.
OPTIONS = ['-rss_limit_mb=0', '-malloc_limit_mb=256', '-timeout=30', '-max_len=578',
           '-use_value_profile=0', '-print_final_stats=1']
SANITIZERS = '-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined -D_GLIBCXX_ASSERTIONS -g'


def newest_clang():
    """As tests/meson.build finds it, but one that has libFuzzer."""
    for name in [f'clang++-{version}' for version in range(22, 13, -1)] + ['clang++']:
        if not shutil.which(name):
            continue
        probe = [name, '-fsanitize=fuzzer,address,undefined', '-x', 'c++', '-', '-o', os.devnull]
        source = 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }'
        if subprocess.run(probe, input=source, text=True, capture_output=True,
                          check=False).returncode == 0:
            return name
    sys.exit('there is no clang++ with libFuzzer: install clang and libclang-rt-dev of one version')


def build(folder, targets):
    clang = newest_clang()
    ccache = ['ccache'] if os.environ.get('CXX', '').startswith('ccache ') else []
    if not (folder / 'build.ninja').exists():
        subprocess.run(['meson', 'setup', '-Dfuzz=true', '-Dtools=false', '-Dexamples=false',
                        '-Ddefault_library=static', '--optimization=1', '-Db_lundef=false',
                        '-Db_sanitize=address,undefined', f'-Dcpp_args={SANITIZERS}', str(folder)],
                       env=dict(os.environ, CXX=' '.join([*ccache, clang])), cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(['ninja', '-C', str(folder), '--quiet',
                    *(f'tests/fuzz/fuzz-{target}' for target in targets)], check=True)


def environment():
    symbolizers = ['llvm-symbolizer', *(f'llvm-symbolizer-{v}' for v in range(22, 13, -1))]
    found = next(filter(None, map(shutil.which, symbolizers)), None)
    result = dict(os.environ, UBSAN_OPTIONS='print_stacktrace=1')
    result['ASAN_OPTIONS'] = 'detect_leaks=1' + (f':external_symbolizer_path={found}' if found
                                                 else ':symbolize=0')
    return result


def run(folder, target, seconds):
    """Whether nothing was found."""
    inputs, findings = folder / 'inputs' / target, folder / 'findings' / target
    for path in (inputs, findings, HERE / 'corpus' / target):
        path.mkdir(parents=True, exist_ok=True)
    for old in findings.iterdir():
        old.unlink()
    log = folder / f'{target}.log'
    with open(log, 'w', encoding='utf-8') as out:
        ended = subprocess.run([str(folder / 'tests/fuzz' / f'fuzz-{target}'), *OPTIONS,
                                f'-max_total_time={seconds}', f'-artifact_prefix={findings}/',
                                str(inputs), str(HERE / 'corpus' / target)], cwd=folder,
                               env=environment(), stdout=out, stderr=subprocess.STDOUT,
                               timeout=seconds + 600, check=False)
    text = log.read_text(errors='replace')
    # A slow machine makes slow units; what does not end is a time-out.
    found = [path for path in findings.iterdir() if not path.name.startswith('slow-unit-')]
    executions = (re.findall(r'stat::number_of_executed_units: (\d+)', text) or ['?'])[-1]
    per_second = (re.findall(r'stat::average_exec_per_sec: +(\d+)', text) or ['?'])[-1]
    coverage = (re.findall(r'cov: (\d+)', text) or ['?'])[-1]
    count = max(len(found), 1) if ended.returncode != 0 else len(found)
    print(f'fuzz {target}: {executions} execs, {per_second} execs/s, {coverage} edges covered, '
          f'{count} findings')
    if count:
        print('\n'.join(text.splitlines()[-60:]))
    sys.stdout.flush()
    return count == 0


def keep(folder, target):
    """Merges what was found into the corpus: of the inputs that add coverage, the shortest."""
    corpus, inputs = HERE / 'corpus' / target, folder / 'inputs' / target
    merged = folder / 'merged' / target
    shutil.rmtree(merged, ignore_errors=True)
    for path in (merged, corpus, inputs):
        path.mkdir(parents=True, exist_ok=True)
    findings = [path for path in corpus.glob('finding-*')]
    subprocess.run([str(folder / 'tests/fuzz' / f'fuzz-{target}'), *OPTIONS, '-set_cover_merge=1',
                    str(merged), str(corpus), str(inputs)], cwd=folder, env=environment(),
                   stderr=subprocess.DEVNULL, check=True)
    for old in set(corpus.iterdir()) - set(findings):
        old.unlink()
    left = MOST_BYTES
    for path in sorted(merged.iterdir(), key=lambda p: p.stat().st_size)[-MOST_FILES:]:
        left -= path.stat().st_size
        if left > 0:
            shutil.copy(path, corpus / path.name[:12])
    print(f'{target}: {len(list(corpus.iterdir()))} inputs kept')


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    targets = sys.argv[3:] or TARGETS
    build(folder, targets)
    if sys.argv[2] == 'keep':
        for target in targets:
            keep(folder, target)
        return
    results = [run(folder, target, int(sys.argv[2])) for target in targets]
    sys.exit(0 if all(results) else 1)


if __name__ == '__main__':
    main()
