#!/usr/bin/env python3
"""Runs bench-smoke for a moment and checks what it says. Usage: smoke.py BENCH-SMOKE"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile


PEERS = ('iq', 'boost-mq', 'posix-mq', 'pipe', 'seqpacket', 'vyukov-16', 'boost-lockfree',
         'boost-spsc', 'python-mp', 'raw-', 'line', 'futex', 'price-raw', 'price-shared',
         'price-owned', 'price-acknowledged', 'price-waiting', 'price-object')
LIMITS = ('raw-', 'line', 'futex', 'price-')
MEASURES = ('kill_to_gone', 'kill_to_end', 'kill_to_redelivery', 'attach_producer',
            'detach_consumer', 'short_lived', 'short_lived_lanes', 'short_lived_bare',
            'idle_consumer_1', 'idle_consumer_16', 'blocked_producer', 'among_7_idle',
            'busy_2P2C', 'memory_queue', 'memory_consumer', 'memory_producer_8B')


def run(program, *arguments):
    return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=100)


def check_row(row, peer):
    assert row['peer'] == peer and row['mode'] == 'single', row
    assert (row['bytes'], row['producers'], row['consumers']) == (64, 2, 2), row
    ns = row['ns_per_item']
    assert 0 < ns['min'] <= ns['median'] <= ns['max'], row
    assert row['pairs'] == 2 and row['ratio_to_iq'] > 0 and row['probe_ns'] > 0, row


def check_failure(program, peer, error):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / 'rows.json'
        done = run(program, '--pairs', '1', '--slice-ms', '5', '--json', str(file), peer, '1P1C')
        print(done.stdout)
        ours, theirs = json.loads(file.read_text())
    assert done.returncode == 1 and 'FAILED' in done.stdout, done.returncode
    assert ours['peer'] == 'iq' and ours['ns_per_item']['median'] > 0, ours
    assert theirs['peer'] == peer and error in theirs['error'], theirs


# A few milliseconds of every peer that needs no package of its own.
def check_every_peer(program):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / 'rows.json'
        done = run(program, '--pairs', '1', '--slice-ms', '2', '--json', str(file),
                   '8B,48B,64B,256B,4KiB,64KiB', ','.join(PEERS), '1P1C,2P2C')
        print(done.stdout)
        assert done.returncode == 0, f'exit code {done.returncode}'
        rows = json.loads(file.read_text())
    for peer in PEERS:
        assert any(row['peer'].startswith(peer) for row in rows), f'nothing of {peer}'
    for row in rows:
        assert row['ns_per_item']['median'] > 0, row
        assert row.get('limit', False) == row['peer'].startswith(LIMITS), row
    in_place = [row['ratio_to_iq_in_place'] for row in rows if row['mode'] == 'copy'
                and row['peer'] != 'iq']
    assert in_place and min(in_place) > 0, in_place
    assert any(row['mode'] == 'in_place' and 'limit' in row for row in rows), rows
    for mode in ('string', 'text_view', 'aggregate', 'aggregate_view', 'one_core', 'one_core_bulk'):
        assert any(row['mode'] == mode for row in rows), mode
    for mode in ('spin', 'sleep', 'sleep_one_core'):
        trips = [row['latency_ns'] for row in rows if row['mode'] == mode]
        assert len(trips) >= 3, mode
        assert all(0 < trip['p50'] <= trip['p99'] <= trip['p999'] for trip in trips), trips


def check_measures(program):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / 'measures.json'
        done = run(program, '--measures', '--pairs', '1', '--slice-ms', '2', '--json', str(file),
                   ','.join(MEASURES))
        print(done.stdout)
        assert done.returncode == 0, f'exit code {done.returncode}'
        measures = {measure['measure']: measure for measure in json.loads(file.read_text())}
    assert set(MEASURES) <= set(measures), set(MEASURES) - set(measures)
    for measure in measures.values():
        assert 0 <= measure['min'] <= measure['median'] <= measure['max'], measure


# What gnuplot would get: it need not be there.
def check_plot(program):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / 'gnuplot').write_text(f'#!/bin/sh\nexec cat >{folder}/script\n')
        (folder / 'gnuplot').chmod(0o755)
        done = subprocess.run(
            [program, '--pairs', '1', '--slice-ms', '2', '--plot', f'{folder}/all.svg',
             'vyukov-1024,pipe', '8B,64B', '1P1C', 'single,bulk,sleep'],
            env={**os.environ, 'PATH': f'{folder}:{os.environ["PATH"]}'}, timeout=100)
        assert done.returncode == 0, f'exit code {done.returncode}'
        script = (folder / 'script').read_text()
    assert f'set output "{folder}/all.svg"' in script, script
    for title in ('1 producer, 1 consumer\\none by one', '1 producer, 1 consumer\\nin bulk',
                  'round trip, sleeping, two cores', 'Vyukov ring', 'iq (this library)'):
        assert title in script, (title, script)
    assert run(program, '--plot', 'all.jpg').returncode == 2


def main():
    program = sys.argv[1]
    check_every_peer(program)
    check_measures(program)
    check_plot(program)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / 'rows.json'
        done = run(program, '--pairs', '2', '--slice-ms', '20', '--json', str(file),
                   'vyukov-1024', '64B', '2P2C')
        print(done.stdout)
        assert done.returncode == 0, f'exit code {done.returncode}'
        ours, theirs = json.loads(file.read_text())
    check_row(ours, 'iq')
    check_row(theirs, 'vyukov-1024')
    assert ours['ratio_to_iq'] == 1, ours
    for peer, error in (('loses', 'wrong: '), ('crashes', 'killed by signal 6')):
        check_failure(program, peer, error)
    assert run(program, 'no-such-peer').returncode == 1
    assert run(program, '--no-such-option').returncode == 2


main()
