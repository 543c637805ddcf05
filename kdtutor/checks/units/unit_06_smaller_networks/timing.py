"""A stopwatch that is not fooled: warmed up, waited for, repeated, and the middle one taken."""

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import torch
from torch import Generator

from kdtutor.checks.exercise import Exercise, Mistake, Solution

Call = Callable[[], Any]
Clock = Callable[[], float]

_LAUNCH = 0.125


@dataclass
class _Device:
    """A device as a GPU is one: a call returns once its work is queued, and the time passes while one waits.

    costs: seconds of work of each call in turn, the last one for all that follow.
    """

    costs: list[float]
    now: float = 100.0
    queued: float = 0.0
    calls: int = 0

    def call(self) -> None:
        self.now += _LAUNCH
        self.queued += self.costs[min(self.calls, len(self.costs) - 1)]
        self.calls += 1

    def clock(self) -> float:
        return self.now

    def wait(self) -> None:
        self.now += self.queued
        self.queued = 0.0


def _time_it(call: Call, clock: Clock, wait: Call, warmup: int = 3, repeats: int = 7) -> float:
    for _ in range(warmup):
        call()
    taken = []
    for _ in range(repeats):
        wait()
        began = clock()
        call()
        wait()
        taken.append(clock() - began)
    return median(taken)


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []
    for warmup, repeats in ((3, 7), (1, 1), (2, 5), (0, 3)):
        slow = (20 + torch.rand(warmup, generator=g)).tolist()
        usual = (1 + torch.rand(repeats, generator=g)).tolist()
        usual[repeats // 2] += 6.0 if repeats > 1 else 0.0  # one call was interrupted
        device = _Device([*slow, *usual])
        cases.append((device.call, device.clock, device.wait, warmup, repeats))
    return cases


def _seconds_and_calls(f: Solution, call: Any, clock: Any, wait: Any, warmup: int, repeats: int) -> dict[str, Any]:
    fresh = copy.deepcopy(call.__self__)
    fresh.now, fresh.queued, fresh.calls = 100.0, 0.0, 0
    seconds = f(fresh.call, fresh.clock, fresh.wait, warmup, repeats)
    return {"value": seconds, "number of calls": fresh.calls}


def _measured(
    of_readings: Callable[[list[float]], float] = median, *, before: bool = True, after: bool = True, warm: bool = True
) -> Solution:
    def time_it(call: Call, clock: Clock, wait: Call, warmup: int = 3, repeats: int = 7) -> float:
        for _ in range(warmup if warm else 0):
            call()
        taken = []
        for _ in range(repeats):
            if before:
                wait()
            began = clock()
            call()
            if after:
                wait()
            taken.append(clock() - began)
        return of_readings(taken)

    return time_it


def _warm_up_counted(call: Call, clock: Clock, wait: Call, warmup: int = 3, repeats: int = 7) -> float:
    return _time_it(call, clock, wait, 0, warmup + repeats)


def _sorted_middle(call: Call, clock: Clock, wait: Call, warmup: int = 3, repeats: int = 7) -> float:
    taken = []
    for number in range(warmup + repeats):
        wait()
        began = clock()
        call()
        wait()
        if number >= warmup:
            taken.append(clock() - began)
    return sorted(taken)[repeats // 2]


def _with_tensors(call: Call, clock: Clock, wait: Call, warmup: int = 3, repeats: int = 7) -> float:
    readings = torch.empty(warmup + repeats, dtype=torch.float64)
    for number in range(warmup + repeats):
        wait()
        readings[number] = -clock()
        call()
        wait()
        readings[number] += clock()
    return float(readings[warmup:].median())


def _as_stamps(call: Call, clock: Clock, wait: Call, warmup: int = 3, repeats: int = 7) -> float:
    [call() for _ in range(warmup)]
    wait()
    stamps = [clock()]
    for _ in range(repeats):
        call()
        wait()
        stamps.append(clock())
    return median(end - start for start, end in itertools.pairwise(stamps))


time_it = Exercise(
    reference=_time_it,
    inputs=_cases,
    observe=_seconds_and_calls,
    mistakes=[
        Mistake("never waits", _measured(before=False, after=False),
                "Your readings are the time it takes to queue the work. A GPU returns from the call at once: wait between the "
                "call and the reading after it."),
        Mistake("does not wait at the start", _measured(before=False),
                "What the warm-up has queued is still running when you read the start, so the first reading pays for it."),
        Mistake("no warm-up", _measured(warm=False),
                "The first calls are slow (memory is fetched, kernels are chosen) and are among your readings. Make `warmup` calls "
                "first that are not timed."),
        Mistake("warm-up counted", _warm_up_counted,
                "The warm-up calls are among your readings."),
        Mistake("mean", _measured(fmean),
                "You take the mean, and a single interrupted call has pulled it up. One reading around the whole loop is a mean too. "
                "Read the clock around each call; the median does not mind."),
        Mistake("fastest call", _measured(min),
                "You report the fastest call. It is what the machine can do at best, not what it takes as a rule."),
        Mistake("sum of all calls", _measured(sum),
                "You add the readings up. The seconds of one call are wanted."),
        Mistake("slowest call", _measured(max),
                "You report the slowest call, the one that was interrupted."),
    ],
    styles={
        "sorted, the middle one": _sorted_middle,
        "a tensor of readings": _with_tensors,
        "stamps and their differences": _as_stamps,
    },
    hints=(
        "Two loops: one whose calls are not timed, one that keeps a reading for each call.",
        "Around a timed call: wait, read the clock, call, wait, read the clock.",
        "statistics.median takes the list of the differences.",
    ),
)  # fmt: skip
