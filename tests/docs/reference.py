#!/usr/bin/env python3
"""Every public member is documented: Doxygen writes the reference of ./dev docs without a warning.

Usage: reference.py ROOT VERSION
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def main():
    root, version = sys.argv[1:]
    if not shutil.which('doxygen'):
        print('doxygen is not installed')
        return 77
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(['doxygen', 'docs/Doxyfile'], cwd=root, text=True, check=False,
                             capture_output=True,
                             env={**os.environ, 'IQ_DOCS': folder, 'IQ_VERSION': version})
        pages = [path.name for path in pathlib.Path(folder).rglob('*.html')]
    print(run.stdout + run.stderr)
    missing = {'index.html', 'classiq_1_1IterableQueue.html', 'structiq_1_1Codec.html'} - {*pages}
    if missing:
        print('pages that are missing:', *missing)
    return 1 if missing or run.returncode != 0 else 0


sys.exit(main())
