#!/usr/bin/env python3
"""One slice of multiprocessing.Queue. Usage: multiprocessing_queue.py BYTES P C SLICE_NS
Prints nanoseconds per item, milliseconds from the last put to the end."""
import multiprocessing
import struct
import sys
import time

FILLER = 3
TAG = struct.Struct('<q')


def words(item):
    return memoryview(item).cast('Q')


def produce(number, size, queue, ready, stop, done):
    filler = struct.pack('<Q', FILLER) * max(0, size // 8 - 2)
    ready.wait()
    count = 0
    while count == 0 or not stop.is_set():
        for _ in range(8):
            count += 1
            tag = TAG.pack((number << 48) + count)
            queue.put(tag + filler + tag if size > 8 else tag)
    done.put(('put', number, count, time.monotonic_ns()))
    queue.close()
    queue.join_thread()


def consume(size, queue, ready, done):
    items, total, last = 0, 0, {}
    ready.wait()
    while True:
        item = queue.get()
        if item is None:
            break
        if len(item) != size:
            raise ValueError('an item of another size')
        tag = TAG.unpack_from(item)[0]
        if tag <= last.get(tag >> 48, 0):
            raise ValueError('items of one producer out of order')
        last[tag >> 48] = tag
        total += sum(words(item)) if size <= 256 else check(item, tag)
        items += 1
    done.put(('got', items, total % 2**64, time.monotonic_ns()))


# Adding up long items in Python would be the measurement: they are compared in one call.
def check(item, tag):
    end = TAG.pack(tag)
    if item[-8:] != end or item[8:-8].count(FILLER) != len(item) // 8 - 2:
        raise ValueError('an item has wrong bytes')
    return 2 * tag + FILLER * (len(item) // 8 - 2)


def expected(number, count, size):
    tags = count * (number << 48) + count * (count + 1) // 2
    return tags if size == 8 else 2 * tags + count * (size // 8 - 2) * FILLER


def main():
    size, producers, consumers, slice_ns = map(int, sys.argv[1:])
    context = multiprocessing.get_context('fork')
    queue = context.Queue(max(4, min(32768, 2**22 // size)))
    done = context.SimpleQueue()
    ready, stop = context.Barrier(producers + consumers + 1), context.Event()
    parties = [context.Process(target=produce, args=(i, size, queue, ready, stop, done))
               for i in range(producers)]
    takers = [context.Process(target=consume, args=(size, queue, ready, done))
              for _ in range(consumers)]
    for party in parties + takers:
        party.daemon = True
        party.start()
    ready.wait()
    start = time.monotonic_ns()
    time.sleep(slice_ns / 1e9)
    stop.set()
    put = [done.get() for _ in parties]
    for party in parties:
        party.join()
    for _ in takers:
        queue.put(None)
    got = [done.get() for _ in takers]
    for party in takers:
        party.join()
    count = sum(what[1] for what in got)
    total = sum(what[2] for what in got) % 2**64
    if any(party.exitcode != 0 for party in parties + takers):
        sys.exit('a party failed')
    if count != sum(what[2] for what in put) or count == 0:
        sys.exit(f'{count} items taken, {sum(what[2] for what in put)} put')
    if total != sum(expected(number, n, size) for _, number, n, _ in put) % 2**64:
        sys.exit('the sum is wrong')
    end = max(what[3] for what in got)
    print((end - start) / count, (end - max(what[3] for what in put)) / 1e6)


main()
