#!/usr/bin/env python3
"""Debian packages of a finished build: what `meson install` puts, divided and described.

Usage: deb.py BUILD OUT; prints the path of each package. DEBFULLNAME and DEBEMAIL name its maker.
No debian/ folder and no debhelper: there is nothing to configure, compile or run at installation.
"""
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# Of each package: its files below the prefix, what it needs, what it is. One without files is not
# made; a file without a package is an error.
PACKAGES = {
    'libiq0': {
        'files': ['lib/*/libiq.so.*'],
        'section': 'libs',
        'what': 'queue between processes that knows its producers and consumers',
    },
    'libiq-dev': {
        'files': ['include/iq/*', 'lib/*/libiq.so', 'lib/*/libiq.a', 'lib/*/pkgconfig/*',
                  'lib/*/cmake/*'],
        'needs': ['libiq0 (= {version})', 'libboost-dev (>= 1.75) | libboost1.81-dev',
                  'libfmt-dev'],
        'section': 'libdevel',
        'what': 'queue between processes: headers and static library',
    },
    'iterable-queue-tools': {
        'files': ['bin/*', 'share/man/*', 'share/bash-completion/*'],
        'section': 'utils',
        'what': 'queue between processes: commands',
    },
}


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, text=True,
                          stdout=subprocess.PIPE, **options).stdout.strip()


def stage(build, folder):
    """Installs into `folder` and returns the tree below the prefix, there made to be /usr."""
    run('meson', 'install', '-C', build, '--no-rebuild', '--strip', '--destdir', folder)
    pc = next(folder.rglob('iterable-queue.pc'))
    prefix = re.search(r'^prefix=(.*)$', pc.read_text(), re.M)[1]
    pc.write_text(pc.read_text().replace(f'prefix={prefix}\n', 'prefix=/usr\n'))
    tree = folder / prefix.lstrip('/')
    for path in tree.rglob('*'):
        if path.is_file() and f'{prefix}/'.encode() in path.read_bytes():
            sys.exit(f'deb.py: {path.name} has the path {prefix} in it, its package is for /usr')
    return tree


def divide(tree):
    """package -> its files, relative to the tree."""
    found = {}
    for path in sorted(tree.rglob('*')):
        name = path.relative_to(tree).as_posix()
        if name.startswith('share/doc/') or (path.is_dir() and not path.is_symlink()):
            continue
        owners = [package for package, about in PACKAGES.items()
                  if any(fnmatch.fnmatchcase(name, pattern) for pattern in about['files'])]
        if len(owners) != 1:
            sys.exit(f'deb.py: {name} is in {owners or "no package"}: correct PACKAGES')
        found.setdefault(owners[0], []).append(name)
    return found


def shared_libraries(paths, folder):
    """What the programs and libraries among `paths` need, as a Debian Depends."""
    binaries = [path for path in paths if not path.is_symlink()
                and path.read_bytes()[:4] == b'\x7fELF']
    if not binaries:
        return []
    (folder / 'debian/control').write_text('Source: iq\n\nPackage: iq\nArchitecture: any\n')
    line = run('dpkg-shlibdeps', '-O', *(f'-e{path.relative_to(folder)}' for path in binaries),
               cwd=folder)
    return [line.removeprefix('shlibs:Depends=')]


def make(package, names, tree, version, out, folder):
    architecture = run('dpkg', '--print-architecture')
    about, root = PACKAGES[package], folder / 'debian' / package  # as dpkg-shlibdeps has it
    (root / 'DEBIAN').mkdir(parents=True)
    for name in names:
        (root / 'usr' / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree / name, root / 'usr' / name, follow_symlinks=False)
    doc = root / 'usr/share/doc' / package
    doc.mkdir(parents=True)
    shutil.copy(next(tree.rglob('LICENSE')), doc / 'copyright')
    needs = shared_libraries([root / 'usr' / name for name in names], folder)
    needs += [need.format(version=version) for need in about.get('needs', [])]
    who = f'{os.environ.get("DEBFULLNAME", "IterableQueue maintainers")} ' \
          f'<{os.environ.get("DEBEMAIL", "root@localhost")}>'
    (root / 'DEBIAN/control').write_text(
        f'Package: {package}\nSource: iterable-queue\nVersion: {version}\nMaintainer: {who}\n'
        f'Architecture: {architecture}\n'
        f'Multi-Arch: {"same" if package.startswith("lib") else "foreign"}\n'
        f'Section: {about["section"]}\nPriority: optional\nDepends: {", ".join(needs)}\n'
        f'Description: {about["what"]}\n C++20, Linux, shared memory; the end of the stream is'
        ' known, and killing any\n process loses nothing that was put.\n')
    if package == 'libiq0':
        (root / 'DEBIAN/triggers').write_text('activate-noawait ldconfig\n')
        (root / 'DEBIAN/shlibs').write_text(f'libiq 0 libiq0 (>= {version})\n')
    path = out / f'{package}_{version}_{architecture}.deb'
    run('dpkg-deb', '--root-owner-group', '--build', root, path)
    print(path)


def main():
    build, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tree = stage(build, folder / 'stage')
        pc = next(tree.rglob('iterable-queue.pc')).read_text()
        version = re.search(r'^Version: (.*)$', pc, re.M)[1]
        for package, names in divide(tree).items():
            make(package, names, tree, version, out, folder)


main()
