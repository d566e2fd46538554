#!/usr/bin/env python3
"""Explores the models of the protocol in every interleaving, and shows that they can fail.

    python3 tests/model/run.py BUILD_DIR [NAME ...]     NAME: only runs whose name begins so

A model is a `.pml` of this folder: docs/protocol.md as a program for spin, with the same words and
labels, in which processes may be killed behind their stores, or stopped there for ever. Spin
translates it to C, which visits every state that any interleaving reaches:

  lane.pml       one lane (two for late thieves): claim, stamp, cursor, DONE, seizing, orphans,
                 give back, take-over, repair, slots used again over three laps, successive owners
                 words.pml, consumer.pml, thief.pml, repairer.pml: its parts
  eos.pml        registration, close, deaths, and the question whether the stream is over
  wake.pml       sleeping and waking with store buffers; room.pml: the producer's side
  attention.pml  whether a raised orphan can be overlooked

A run is a model with sizes (-D). It passes when no assertion fails, nobody waits for ever where the
protocol promises progress, and the search was complete. A mutation is a run with one rule of the
protocol broken (`#ifdef NAME` in the model); it passes when spin finds that out. What is left
out of a model, and why that does no harm, stands at its head. A trace of an error: in the run's
folder, `spin -t -p -g -l DEFINES MODEL.pml`.
"""
import concurrent.futures
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMIT_S = 900        # of one run; a quiet machine needs seconds
DEPTH = 1000000

LAPS = 'N=2 REPAIRERS=1'
THEFT = 'TAKEOVER N=3 ITEMS=3'
LATE = 'TAKEOVER ROLES LANES=2 CONSUMERS=3 N=3 ITEMS=3 KILLS=0 GIVES=0'

# name, model, sizes
RUNS = [
    ('laps', 'lane', f'{LAPS} ITEMS=5 PRODUCERS=2 KILLS=0'),
    ('laps, a kill, a repairer killed', 'lane',
     f'{LAPS} ITEMS=5 PRODUCERS=1 KILLS=1 REPAIR_KILLS=1'),
    ('laps, one stopped', 'lane', f'{LAPS} TAKEOVER ITEMS=3 PRODUCERS=1 KILLS=0 STOPS=1 GIVES=0'),
    ('two owners and a kill', 'lane', f'{LAPS} ITEMS=3 PRODUCERS=2 KILLS=1'),
    ('two deaths, two repairers', 'lane', 'N=2 ITEMS=2 KILLS=2 REPAIRERS=2 GIVES=0'),
    ('two lanes and a kill', 'lane', 'N=2 ITEMS=2 LANES=2 KILLS=1 REPAIRERS=1 GIVES=0'),
    ('take-over', 'lane', 'TAKEOVER TSO N=4 ITEMS=4 KILLS=0 GIVES=0'),
    ('take-over, giving back', 'lane', f'{THEFT} TSO UNSTARTED KILLS=0 GIVES=1'),
    ('take-over, a kill', 'lane', f'{THEFT} KILLS=1 REPAIRERS=1 REPAIR_KILLS=1 GIVES=0'),
    ('take-over, one stopped', 'lane', 'TAKEOVER N=4 ITEMS=4 KILLS=0 STOPS=1 GIVES=0'),
    ('two thieves, one of three stopped', 'lane',
     'TAKEOVER ROLES CONSUMERS=3 N=3 ITEMS=3 KILLS=0 STOPS=1 GIVES=0'),
    ('take-over, nudges', 'lane', f'{THEFT} NUDGES=2 KILLS=0 GIVES=0'),
    ('take-over, a late thief', 'lane', LATE),
    ('end', 'eos', 'ITEMS=2'),
    ('end, two consumers', 'eos', 'ITEMS=1 CONSUMERS=2'),
    ('end, progress', 'eos', 'ITEMS=1 NP'),
    ('wake', 'wake', 'PUTS=2'),
    ('wake, one stopped', 'wake', 'PUTS=1 RUN=2 STOPS=1'),
    ('wake, one leaves', 'wake', 'LEAVES=1'),
    ('wake, rests', 'wake', 'RESTS=1 LEAVES=1'),
    ('wake, a kill', 'wake', 'KILLS=1'),
    ('wake, a kill, rests', 'wake', 'KILLS=1 RESTS=1'),
    ('room', 'wake', 'ROOM'),
    ('room, a kill', 'wake', 'ROOM KILLS=1'),
    ('attention', 'attention', 'ORPHANS=2'),
]

# mutation, model, sizes, what it does
MUTATIONS = [
    ('STAMP_BY_STORE', 'lane', f'{LAPS} ITEMS=4 PRODUCERS=2 KILLS=0', 'T3 is a plain store'),
    ('NO_LAP', 'lane', f'{LAPS} ITEMS=4 PRODUCERS=2 KILLS=0', 'the lap of a stamp is ignored'),
    ('TAIL_FIRST', 'lane', f'{LAPS} ITEMS=4 PRODUCERS=2 KILLS=0', 'T1 before the item is written'),
    ('REPAIR_FORWARD', 'lane', f'{LAPS} ITEMS=2 PRODUCERS=1 KILLS=1 REPAIR_KILLS=1',
     'T14 from the first item on'),
    ('SPLIT_FORWARD', 'lane', f'{LAPS} ITEMS=2 PRODUCERS=1 KILLS=1', 'T9 from the first item on'),
    ('STEP_OVER', 'lane', f'{LAPS} ITEMS=4 PRODUCERS=1 KILLS=1', 'seizers step over the unstamped'),
    ('HEAD_OVER_LEASES', 'lane', f'{LAPS} ITEMS=4 PRODUCERS=1 KILLS=0', 'T16 moves over leases'),
    ('NO_SEIZING', 'lane', f'{LAPS} TAKEOVER ITEMS=3 PRODUCERS=1 KILLS=0 STOPS=1 GIVES=0',
     'nobody does T6 or T7'),
    ('DONE_FIRST', 'lane', f'{LAPS} ITEMS=4 PRODUCERS=1 KILLS=1', 'T5 before the last T4'),
    ('NO_FENCE', 'lane', 'TAKEOVER TSO N=4 ITEMS=4 KILLS=0 GIVES=0', 'P5 without the heavy fence'),
    ('OLD_END', 'lane', 'TAKEOVER N=4 ITEMS=4 KILLS=0 GIVES=0',
     "a cancelled theft restores the owner's private end"),
    ('REPAIR_SETTLES', 'lane', f'{THEFT} KILLS=1 REPAIRERS=1 GIVES=0', 'repair does not seal'),
    ('NO_SEAL', 'lane', f'{THEFT} KILLS=0 GIVES=1', 'no seal before giving back'),
    ('END_FROM_STAMP', 'lane', f'{THEFT} KILLS=0 GIVES=0', 'the owner believes only its stamp'),
    ('LIMIT_BEFORE_CURSOR', 'lane', f'{THEFT} KILLS=0 GIVES=0', 'P5: the owner looks, then stores'),
    ('CURSOR_BEFORE_PENDING', 'lane', f'{THEFT} KILLS=0 GIVES=0',
     'P5: the thief looks, then stores'),
    ('CONFIRM_BY_STORE', 'lane', f'{THEFT} KILLS=0 GIVES=0', 'T11 is a plain store'),
    ('STAMP_BEFORE_SHRINK', 'lane', f'{THEFT} KILLS=1 REPAIRERS=1 GIVES=0', 'T3 before T13'),
    ('LANE_NOT_IN_LIMIT', 'lane', LATE, 'limits of two lanes read alike'),
    ('NO_EPOCH', 'eos', 'ITEMS=2', 'P8 without the epoch'),
    ('NO_LOOK_BEHIND_LIVE', 'eos', 'ITEMS=2', 'T19 without the second look at closed'),
    ('PUT_BEHIND_LEAVING', 'eos', 'ITEMS=2', 'T1 behind T18 and T20'),
    ('ITEMS_FIRST', 'eos', 'ITEMS=1 CONSUMERS=2', 'items are looked at before producers'),
    ('LEASES_DO_NOT_COUNT', 'eos', 'ITEMS=1 CONSUMERS=2', 'what is leased counts as done'),
    ('FREE_BEFORE_FAILURE', 'eos', 'ITEMS=2', 'T21 before T27'),
    ('LANE_KEPT', 'eos', 'ITEMS=1 NP', 'repair forgets T18'),
    ('NO_FENCE', 'wake', 'PUTS=2', 'P6 without the heavy fence'),
    ('BIT_WITHOUT_FENCE', 'wake', 'RESTS=1 LEAVES=1', 'W1: a bit set again under the old fence'),
    ('LOOK_BEFORE_BIT', 'wake', 'PUTS=2', 'W1: the last look comes before the bit'),
    ('TICKET_LATE', 'wake', 'PUTS=2', 'W1: the futex word is read behind the bit'),
    ('SUMMARY_NOT_RESTORED', 'wake', 'PUTS=2', 'a summary bit cleared under a sleeper stays so'),
    ('NO_CHAIN', 'wake', 'PUTS=1 RUN=2 STOPS=1', 'W3: who takes part wakes nobody'),
    ('NO_PASSING_ON', 'wake', 'LEAVES=1', 'W3: who leaves keeps its wake'),
    ('NO_FENCE', 'wake', 'ROOM', 'P7 without the heavy fence'),
    ('LOOK_BEFORE_ANNOUNCE', 'wake', 'ROOM', 'W2: the last look comes before room_wait'),
    ('LOOK_BEFORE_DONE', 'wake', 'ROOM', 'room_wait is read before T5'),
    ('QUEUE_FIRST', 'attention', 'ORPHANS=2', 'T24 raises the queue before the lane'),
    ('SEEN_BLINDLY', 'attention', 'ORPHANS=2', 'P11: seen is set to what is raised by now'),
]

# What an assertion of the models stands for, by what is in it.
PROPERTIES = [
    (r'tail==\d|tail\[0\]==\d|claim==tail|taken==made|stopped\[|life', 'lost, or waits for ever'),
    (r'slot\[', 'the payload is that of another item'),
    (r'ghost.*==0', 'delivered while in hands, or after it was acknowledged'),
    (r'ghost.*==15', 'DONE, or a slot used again, before it was acknowledged'),
    (r'ghost.*==me|ghost', 'acknowledged or given back by one who does not have it'),
    (r'&7\).*==me|&7\)==[12]', 'the stamp of an owner was changed by another (I1)'),
    (r'>>9', 'a stamp goes back, or leaves DONE (I2)'),
    (r'over', 'a put after the end'),
    (r'failure', 'a death that nobody is told of'),
    (r'done\[', 'the end with items left'),
    (r'owner\[', 'the end beside a producer'),
    (r'invalid end', 'somebody waits for ever'),
    (r'non-progress', 'somebody goes round for ever'),
]


def property_of(error):
    return next((text for pattern, text in PROPERTIES if re.search(pattern, error)), error)


def call(command, folder, limit=LIMIT_S):
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=limit, check=False)
    return done.returncode, done.stdout


def explore(folder, model, defines, optimise):
    """(states, seconds, error): error '' when the search was complete and found nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in HERE.glob('*.pml'):
        shutil.copy(source, folder)
    names = defines.split()
    progress = 'NP' in names
    flags = [f'-D{name}' for name in names if name != 'NP']
    failed, said = call(['spin', '-a', *flags, f'{model}.pml'], folder)
    if failed or not (folder / 'pan.c').exists():
        raise RuntimeError(f'spin: {said.strip()}')
    kind = ['-DNP', '-DNFAIR=3'] if progress else ['-DSAFETY']
    failed, said = call(['gcc', optimise, '-w', *kind, '-DCOLLAPSE', '-DMEMLIM=3500',
                         '-o', 'pan', 'pan.c'], folder)
    if failed:
        raise RuntimeError(f'gcc: {said.strip()}')
    started = time.monotonic()
    _, said = call(['./pan', f'-m{DEPTH}', '-w23', *(['-l', '-f'] if progress else [])], folder)
    seconds = time.monotonic() - started
    (folder / 'said').write_text(said, encoding='utf-8')
    states = re.search(r'^\s*(\S+) states, stored', said, re.M)
    errors = re.search(r'errors: (\d+)', said)
    error = ''
    if found := re.search(r'^pan:\d*:? *(.*?) \(at depth', said, re.M):
        error = found[1]
    elif not errors or errors[1] != '0' or re.search(r'not completed|too small|memory lim', said):
        raise RuntimeError('the search is not complete: ' + said.strip()[-400:])
    return int(float(states[1])) if states else 0, seconds, error


def judge(job):
    """(passed, line)"""
    folder, kind, name, model, defines, what = job
    try:
        states, seconds, error = explore(folder, model, defines,
                                          '-O1' if kind == 'run' else '-O0')
    except (RuntimeError, subprocess.TimeoutExpired) as broken:
        return False, f'{model:10} {name}: FAILED: {broken}'
    figures = f'{states:>10,} states {seconds:6.1f} s'
    if kind == 'run':
        return not error, f'{model:10} {name:34} {figures}  ' + (
            f'FAILED: {property_of(error)}: {error}; trace in {folder}' if error else 'holds')
    found = f'-> {property_of(error)}' if error else '-> NOT CAUGHT'
    return bool(error), f'{model:10} {name:22} {figures}  {what} {found}'


def main():
    for tool in ('spin', 'gcc'):
        if not shutil.which(tool):
            sys.exit(f'there is no {tool}: apt-get install {tool}')
    build = pathlib.Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:]
    jobs = [(build / re.sub(r'\W+', '-', f'{model} {name}'), 'run', name, model, sizes, '')
            for name, model, sizes in RUNS]
    jobs += [(build / f'mutation-{number}', 'mutation', name, model, f'{sizes} {name}', what)
             for number, (name, model, sizes, what) in enumerate(MUTATIONS)]
    if wanted:
        jobs = [job for job in jobs if any(job[2].startswith(name) for name in wanted)]
    started, failed = time.monotonic(), 0
    # Two at a time: a run may take some GiB.
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for job, (passed, line) in zip(jobs, pool.map(judge, jobs)):
            failed += not passed
            print(line, flush=True)
            if passed:
                shutil.rmtree(job[0], ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f'{len(jobs)} explored in {time.monotonic() - started:.0f} s, '
          f'{used.ru_utime + used.ru_stime:.0f} s of processors, at most '
          f'{used.ru_maxrss >> 10} MiB each: {len(jobs) - failed} passed, {failed} failed')
    sys.exit(1 if failed or not jobs else 0)


if __name__ == '__main__':
    main()
