"""Ours and the rival in turn, in one run: their times and the spread of their ratio."""

from collections.abc import Callable
from math import ceil
from statistics import median
from time import perf_counter

import torch

from kdtutor.bench.case import Measurement, Setting
from kdtutor.bench.row import Spread
from kdtutor.measure import latency_ratio

WARMUP = 3
BLOCK = 0.005  # seconds


def compare_times(
    setting: Setting,
    ours: Callable[[], object],
    rival: Callable[[], object],
    *,
    steps: int = 1,
    least: float | None = None,
    warmup: int = WARMUP,
    note: str = "",
) -> Measurement:
    """Time `ours()` against `rival()` in alternating pairs, in milliseconds.

    On the CPU calls shorter than BLOCK are timed in blocks of as many as fill it, on both sides: where one network
    serves, no other sweeps the cache between two of its answers.

    steps: how many equal steps one call makes; the times are those of one. least: seconds that one step takes at
    least (`Ceilings.least_seconds`). warmup: calls of each that are not counted; a long one that ran before needs few.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    calls = _calls(ours, setting.device)
    ratio = latency_ratio(
        _noted(ours, calls, taken[0], setting.device),
        _noted(rival, calls, taken[1], setting.device),
        warmup=warmup,
        budget=setting.budget,
    )
    in_ms = 1e3 / (steps * calls)
    mine, theirs = (median(times[warmup:]) * in_ms for times in taken)
    spread = Spread(ratio.median, ratio.low, ratio.high, ratio.n)
    return Measurement("ms", mine, theirs, spread, None if least is None else least * 1e3, note=note)


def _calls(fn: Callable[[], object], device: torch.device) -> int:
    """How many calls fill a block; a long one is tried once."""
    if device.type != "cpu":
        return 1
    seconds: list[float] = []
    while len(seconds) < WARMUP and sum(seconds) < 10 * BLOCK:
        began = perf_counter()
        fn()
        seconds.append(perf_counter() - began)
    return ceil(BLOCK / min(seconds))


def _noted(fn: Callable[[], object], calls: int, taken: list[float], device: torch.device) -> Callable[[], object]:
    """`fn` so many times, and how long they took, which `latency_ratio` divides and forgets."""

    def block() -> None:
        began = perf_counter()
        for _ in range(calls):
            fn()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(perf_counter() - began)

    return block
