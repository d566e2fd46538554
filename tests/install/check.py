#!/usr/bin/env python3
"""One way to use the library outside of its own build; each ends in a program that runs.

Usage: check.py WAY PROGRAM SOURCES BUILD VERSION COMPILER...   (ways: see WAYS)
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


class Failed(Exception):
    """Its text says what was expected and what was there."""


def run(*command, env=None, cwd=None):
    """The output of a command; what it printed is shown when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, check=False,
                          env={**os.environ, 'LC_ALL': 'C', **(env or {})})
    if done.returncode != 0:
        raise Failed(f'{" ".join(words)}\nended with {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            print(f'{program} is not installed')
            sys.exit(77)


def expect(what, there, wanted):
    if there != wanted:
        raise Failed(f'{what}: expected\n  {wanted}\nbut there is\n  {there}')


class Check:
    def __init__(self, folder, program, sources, build, version, compiler):
        self.folder, self.source = folder, pathlib.Path(program)
        self.sources, self.build = pathlib.Path(sources), pathlib.Path(build)
        self.version, self.compiler = version, compiler
        self.prefix = self.libraries = folder / 'nothing is installed'

    # ---- what the ways share ----

    def install(self):
        """The prefix of a fresh installation, below a DESTDIR of this test."""
        run('meson', 'install', '-C', self.build, '--no-rebuild', '--destdir', self.folder / 'dest')
        return self.locate(self.folder / 'dest')

    def locate(self, root):
        """Finds prefix and libraries below `root`: where they are is the platform's business."""
        pc = self.only(root.rglob('iterable-queue.pc'))
        self.libraries = pc.parent.parent
        self.prefix = self.only(root.rglob('include/iq')).parent.parent
        return self.prefix

    def only(self, paths):
        paths = list(paths)
        if len(paths) != 1:
            raise Failed(f'expected one file, found {paths}')
        return paths[0]

    def pkg_config(self, *options):
        return run('pkg-config', f'--define-variable=prefix={self.prefix}', *options,
                   'iterable-queue',
                   env={'PKG_CONFIG_PATH': str(self.libraries / 'pkgconfig')}).split()

    def compile(self, *flags):
        program = self.folder / 'mine'
        run(*self.compiler, '-std=c++20', self.source, '-o', program, *flags)
        return program

    def check_runs(self, program, is_shared):
        needed = re.findall(r'NEEDED.*\[(libiq\..*)\]', run('readelf', '-d', program))
        expect('libiq among the needed libraries', needed, ['libiq.so.0'] if is_shared else [])
        output = run(program, env={'LD_LIBRARY_PATH': str(self.libraries)})
        expect('output of the program', output, f'285 {self.version} closed\n')

    def cmake(self, *options):
        need('cmake')
        run('cmake', '-G', 'Ninja', '-S', HERE / 'cmake', '-B', self.folder / 'cmake',
            '-DCMAKE_CXX_COMPILER=' + ';'.join(self.compiler), *options)
        run('cmake', '--build', self.folder / 'cmake')
        return self.folder / 'cmake/mine'

    # ---- the ways ----

    def files(self):
        """Headers, both libraries, licence: all there, and found under the same version."""
        prefix = self.install()
        for header in (self.sources / 'include').rglob('*.hpp'):
            installed = prefix / header.relative_to(self.sources)
            expect(str(installed), installed.is_file() and installed.read_bytes(),
                   header.read_bytes())
        expect('licence', len(list(prefix.rglob('LICENSE'))), 1)
        names = sorted(path.name for path in self.libraries.glob('libiq*'))
        expect('libraries', names,
               ['libiq.a', 'libiq.so', 'libiq.so.0', f'libiq.so.{self.version}'])
        dynamic = run('readelf', '-d', self.libraries / 'libiq.so')
        expect('soname', re.findall(r'SONAME.*\[(.*)\]', dynamic), ['libiq.so.0'])
        expect('search paths', re.findall(r'(?:RPATH|RUNPATH).*', dynamic), [])
        expect('version for pkg-config', self.pkg_config('--modversion'), [self.version])

    def symbols(self):
        """The shared library shows what the headers mark, and nothing else of ours."""
        self.install()
        text = ''.join(path.read_text() for path in (self.prefix / 'include').rglob('*.hpp'))
        marked = set(re.findall(r'\bIQ_API (?:[\w:<>]+ )?(\w+)[ (]', text))
        shown = run('nm', '-DC', '--defined-only', self.libraries / 'libiq.so')
        names = set(re.findall(r'^\w+ [TBDR] iq::(?:detail::)?(\w+)', shown, re.M))
        expect('symbols that no header marks', sorted(names - marked), [])
        expect('is WorkerGroup shown', 'WorkerGroup' in names, True)

    def pkg_config_shared(self):
        self.install()
        self.check_runs(self.compile(*self.pkg_config('--cflags', '--libs')), True)

    def pkg_config_static(self):
        self.install()
        flags = self.pkg_config('--static', '--cflags', '--libs')
        # Both libraries lie there, and a linker prefers the shared one.
        self.check_runs(self.compile(*('-l:libiq.a' if flag == '-liq' else flag
                                       for flag in flags)), False)

    def cmake_package(self):
        program = self.cmake(f'-DCMAKE_PREFIX_PATH={self.install()}',
                             '-DIQ_WANTED_VERSION=' + self.version)
        self.check_runs(program, True)
        for unfit in ('0.0.9', '0.99', '1.0'):
            try:
                self.cmake(f'-DCMAKE_PREFIX_PATH={self.prefix}', '-DIQ_WANTED_VERSION=' + unfit)
            except Failed as failed:
                if 'considered but not accepted' not in str(failed):
                    raise
            else:
                raise Failed(f'find_package(IterableQueue {unfit}) is content with {self.version}')

    def cmake_package_static(self):
        self.check_runs(self.cmake(f'-DCMAKE_PREFIX_PATH={self.install()}',
                                   '-DIterableQueue_STATIC=ON'), False)

    def cmake_sources(self):
        """FetchContent, which is add_subdirectory() of a folder that is there already."""
        program = self.cmake(f'-DIQ_SOURCES={self.sources}', '-DBUILD_SHARED_LIBS=ON',
                             '-DCMAKE_UNITY_BUILD=ON', '-DCMAKE_UNITY_BUILD_BATCH_SIZE=0')
        self.check_runs(program, True)
        folder = self.folder / 'cmake'
        expect('libraries', sorted(path.name for path in folder.rglob('libiq*')),
               ['libiq.so', 'libiq.so.0', f'libiq.so.{self.version}'])
        unit = self.only(folder.glob('_deps/**/unity_0_cxx.cxx')).read_text()
        targets = json.loads(run('meson', 'introspect', '--targets', self.build))
        sources = {path for target in targets
                   if target['name'] == 'iq' and target['type'] != 'executable'
                   for part in target['target_sources'] for path in part['sources']}
        expect('sources of Meson', sorted(sources),
               sorted(re.findall(r'^#include "(.*)"$', unit, re.M)))

    def meson_subproject(self):
        project = self.folder / 'project'
        shutil.copytree(HERE / 'meson', project)
        shutil.copy(self.source, project)
        (project / 'subprojects').mkdir()
        (project / 'subprojects/iterable-queue').symlink_to(self.sources)
        run('meson', 'setup', '--buildtype=plain', '--unity=subprojects', '-Dunity_size=1000',
            project / 'build', project, env={'CXX': ' '.join(self.compiler)})
        run('ninja', '-C', project / 'build')
        self.check_runs(project / 'build/mine', False)

    def deb(self):
        """Debian's packages: apt-get could install them, and what is in them works."""
        need('apt-get', 'dpkg-deb', 'dpkg-shlibdeps')
        paths = run(sys.executable, self.sources / 'tools/packaging/deb.py', self.build,
                    self.folder).split()
        names = [pathlib.Path(path).name.split('_')[0] for path in paths]
        expect('packages of the library', [name for name in names if name.startswith('lib')],
               ['libiq-dev', 'libiq0'])
        for path, name in zip(paths, names):
            expect(name, run('dpkg-deb', '-f', path, 'Package', 'Version').split(),
                   ['Package:', name, 'Version:', self.version])
            for entry in run('dpkg-deb', '-c', path).splitlines():
                if not re.match(r'(d|-)rw[-x]r-[-x]r-[-x] root/root|l', entry):
                    raise Failed(f'{name}: odd rights or owner: {entry}')
            run('dpkg-deb', '-x', path, self.folder / 'root')
        plan = run('apt-get', '--simulate', 'install', '--reinstall', '--no-install-recommends',
                   *paths)
        expect('what apt-get would not install',
               sorted(set(names) - set(re.findall(r'^Inst (\S+)', plan, re.M))), [])
        expect('prefix', self.locate(self.folder / 'root'), self.folder / 'root/usr')
        expect('prefix in the .pc file',
               re.findall('^prefix=.*', self.only(self.prefix.rglob('*.pc')).read_text()),
               ['prefix=/usr'])
        self.check_runs(self.compile(*self.pkg_config('--cflags', '--libs')), True)


WAYS = {
    'files': Check.files,
    'symbols': Check.symbols,
    'pkg-config': Check.pkg_config_shared,
    'pkg-config-static': Check.pkg_config_static,
    'cmake': Check.cmake_package,
    'cmake-static': Check.cmake_package_static,
    'cmake-sources': Check.cmake_sources,
    'meson-subproject': Check.meson_subproject,
    'deb': Check.deb,
}


def main():
    way, program, sources, build, version, *compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        try:
            WAYS[way](Check(pathlib.Path(folder), program, sources, build, version, compiler))
        except Failed as failed:
            print(failed)
            sys.exit(1)


main()
