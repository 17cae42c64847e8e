"""The FIFO mutex as SimPy processes."""
import math
import sys
import time

import simpy

state = 0x9E3779B9


def exponential(mean):
    global state
    state ^= (state << 13) & 0xFFFFFFFF
    state ^= state >> 17
    state ^= (state << 5) & 0xFFFFFFFF
    return -math.log(1 - state * 2.3283064365386963e-10) * mean


def task(env, mutex, number):
    while hits["all"] < count:
        yield env.timeout(exponential(32))
        with mutex.request() as turn:
            yield turn
            hits["all"] += 1
            hits[0] += number == 0
            yield env.timeout(exponential(1))


count = int(sys.argv[1])
hits = {"all": 0, 0: 0}
env = simpy.Environment()
mutex = simpy.Resource(env, capacity=1)
for number in range(64):
    env.process(task(env, mutex, number))
begin = time.perf_counter()
env.run()
print(hits["all"], f"{time.perf_counter() - begin:.6f}", hits[0])
