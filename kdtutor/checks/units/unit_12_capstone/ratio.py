"""How long a network takes as a share of the teacher's time, on a machine that is busy now and then."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import torch
from torch import Generator

from kdtutor.checks.exercise import Exercise, Mistake, Solution

Call = Callable[[], Any]
Clock = Callable[[], float]


@dataclass
class _Machine:
    """A machine that warms up, slows down as time passes, and is interrupted now and then.

    loads: how many times slower the n-th call is than on a quiet machine; the last one for all that follow. cold: extra
    seconds of the first call of each of the two.
    """

    loads: list[float]
    teacher_cost: float
    mine_cost: float
    cold: float
    now: float = 50.0
    calls: int = 0
    teacher_calls: int = 0
    mine_calls: int = 0

    def teacher(self) -> None:
        self._spend(self.teacher_cost, first=self.teacher_calls == 0)
        self.teacher_calls += 1

    def mine(self) -> None:
        self._spend(self.mine_cost, first=self.mine_calls == 0)
        self.mine_calls += 1

    def clock(self) -> float:
        return self.now

    def _spend(self, cost: float, *, first: bool) -> None:
        load = self.loads[min(self.calls, len(self.loads) - 1)]
        self.now += cost * load + (self.cold if first else 0.0)
        self.calls += 1


def _relative_latency(teacher: Call, mine: Call, clock: Clock, warmup: int = 3, pairs: int = 9) -> float:
    for _ in range(warmup):
        teacher()
        mine()
    return median(_pair_by_pair(teacher, mine, clock, pairs))


def _seconds(call: Call, clock: Clock) -> float:
    began = clock()
    call()
    return clock() - began


def _pair_by_pair(teacher: Call, mine: Call, clock: Clock, pairs: int) -> list[float]:
    ratios = []
    for _ in range(pairs):
        theirs = _seconds(teacher, clock)
        ratios.append(_seconds(mine, clock) / theirs)
    return ratios


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []
    for warmup, pairs in ((3, 9), (1, 5), (2, 7), (1, 1)):
        calls = 2 * (warmup + pairs)
        loads = (torch.linspace(1, 3, calls) + 0.1 * torch.rand(calls, generator=g)).tolist()
        if pairs > 4:
            loads[2 * warmup + 5] *= 9.0  # one call of `mine` was interrupted
        teacher, mine = (2 + torch.rand(2, generator=g)).tolist()
        machine = _Machine(loads, 2 * teacher, mine, cold=40.0)
        cases.append((machine.teacher, machine.mine, machine.clock, warmup, pairs))
    return cases


def _ratio_and_calls(f: Solution, teacher: Any, mine: Any, clock: Any, warmup: int, pairs: int) -> dict[str, Any]:
    fresh = copy.deepcopy(teacher.__self__)
    fresh.now, fresh.calls, fresh.teacher_calls, fresh.mine_calls = 50.0, 0, 0, 0
    ratio = f(fresh.teacher, fresh.mine, fresh.clock, warmup, pairs)
    return {"value": ratio, "number of the teacher's calls": fresh.teacher_calls, "number of calls": fresh.mine_calls}


def _warmed(of_pairs: Callable[[Call, Call, Clock, int], float], *, warm: bool = True) -> Solution:
    def relative_latency(teacher: Call, mine: Call, clock: Clock, warmup: int = 3, pairs: int = 9) -> float:
        for _ in range(warmup if warm else 0):
            teacher()
            mine()
        return of_pairs(teacher, mine, clock, pairs)

    return relative_latency


def _one_after_the_other(teacher: Call, mine: Call, clock: Clock, pairs: int) -> float:
    theirs = median(_seconds(teacher, clock) for _ in range(pairs))
    return median(_seconds(mine, clock) for _ in range(pairs)) / theirs


def _of_medians(teacher: Call, mine: Call, clock: Clock, pairs: int) -> float:
    times = [(_seconds(teacher, clock), _seconds(mine, clock)) for _ in range(pairs)]
    return median(t[1] for t in times) / median(t[0] for t in times)


def _counted(teacher: Call, mine: Call, clock: Clock, warmup: int = 3, pairs: int = 9) -> float:
    return median(_pair_by_pair(teacher, mine, clock, warmup + pairs))


def _only_mine_warm(teacher: Call, mine: Call, clock: Clock, warmup: int = 3, pairs: int = 9) -> float:
    for _ in range(warmup):
        mine()
    return median(_pair_by_pair(teacher, mine, clock, pairs))


def _by_stamps(teacher: Call, mine: Call, clock: Clock, warmup: int = 3, pairs: int = 9) -> float:
    ratios = torch.empty(warmup + pairs, dtype=torch.float64)
    for number in range(warmup + pairs):
        stamps = [clock()]
        for call in (teacher, mine):
            call()
            stamps.append(clock())
        ratios[number] = (stamps[2] - stamps[1]) / (stamps[1] - stamps[0])
    return float(ratios[warmup:].median())


def _sorted_middle(teacher: Call, mine: Call, clock: Clock, warmup: int = 3, pairs: int = 9) -> float:
    [(teacher(), mine()) for _ in range(warmup)]
    return sorted(_pair_by_pair(teacher, mine, clock, pairs))[pairs // 2]


relative_latency = Exercise(
    reference=_relative_latency,
    inputs=_cases,
    observe=_ratio_and_calls,
    mistakes=[
        Mistake("one after the other", _warmed(_one_after_the_other),
                "You time all of the teacher's calls first and then all of the others. The machine was busier by then, and your "
                "ratio blames the network. Time them in pairs."),
        Mistake("ratio of two medians", _warmed(_of_medians),
                "You divide the median of one by the median of the other, so the two need not come from the same moment. Divide "
                "within each pair, and take the median of the ratios."),
        Mistake("mean of the ratios", _warmed(lambda t, m, c, pairs: fmean(_pair_by_pair(t, m, c, pairs))),
                "You take the mean, and a single interrupted call has pulled it up."),
        Mistake("best pair", _warmed(lambda t, m, c, pairs: min(_pair_by_pair(t, m, c, pairs))),
                "You report the pair that suits the network best. A contract is kept as a rule, not once."),
        Mistake("upside down", _warmed(lambda t, m, c, pairs: median(1 / r for r in _pair_by_pair(t, m, c, pairs))),
                "Your ratio is the speedup, teacher over network. A share of the teacher's time is wanted: below 1 is faster."),
        Mistake("no warm-up", _warmed(lambda t, m, c, pairs: median(_pair_by_pair(t, m, c, pairs)), warm=False),
                "The first call of each is slow, and it is among your pairs. Make `warmup` calls of both first that are not timed."),
        Mistake("warm-up counted", _counted, "The warm-up pairs are among your readings."),
        Mistake("teacher left cold", _only_mine_warm,
                "You warm up the network and not the teacher, whose first call is slow: that flatters the network."),
    ],
    styles={"stamps in a tensor": _by_stamps, "sorted, the middle one": _sorted_middle,
            "a list of pairs": _warmed(lambda t, m, c, pairs: float(torch.tensor(
                _pair_by_pair(t, m, c, pairs), dtype=torch.float64).median()))},
    hints=(
        "First calls of both that nobody times, then pairs: the teacher, right after it the network.",
        "Within a pair both see the same machine, so divide there: seconds of the network over seconds of the teacher.",
        "Collect one ratio a pair; statistics.median of that list is the answer.",
    ),
)  # fmt: skip
