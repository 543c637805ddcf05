"""How long a call takes: warmed up, waited for, repeated, and never without its spread."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from time import perf_counter

import torch
from torch import Tensor, nn

from kdtutor.measure.evaluation import device_of, evaluation_mode

LEAST_REPEATS = 7


@dataclass(frozen=True)
class Latency:
    """Seconds a call takes: the median of n calls, and the quartiles between which the middle half of them lay."""

    median: float
    low: float
    high: float
    n: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{readable_seconds(self.median)} (middle half {readable_seconds(self.low)} to "
            f"{readable_seconds(self.high)}, {self.n} calls, {_threads(self.threads)})"
        )


@dataclass(frozen=True)
class LatencyRatio:
    """time(a) / time(b), from pairs of calls made right after one another; below 1 a is the faster one."""

    median: float
    low: float
    high: float
    n: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.median:.3g} times the duration (middle half {self.low:.3g} to {self.high:.3g}, {self.n} pairs, "
            f"{_threads(self.threads)})"
        )


def latency(
    fn: Callable[[], object],
    *,
    warmup: int = 3,
    budget: float = 2.0,
    precision: float = 0.01,
    most: int = 10_000,
) -> Latency:
    """Time `fn()`: the median and quartiles of single calls, after a warm-up, each call waited for on the GPU.

    Repeats until the median is known to within `precision` of itself (its 95 % interval, 1.82 · IQR / √n for normal
    noise), until `budget` seconds are spent or `most` calls are made, and at least seven times. Garbage collection
    waits meanwhile. fn: give a model under torch.inference_mode() and in evaluation mode if that is what you mean.
    Raises ValueError for a budget or precision that is not positive, or a negative warm-up.
    """
    _require_plan(warmup, budget, precision)
    for _ in range(warmup):
        _timed(fn)
    taken: list[float] = []
    with _undisturbed():
        stop = perf_counter() + budget
        while not _enough(taken, precision, most, stop):
            taken.append(_timed(fn))
    low, median, high = quantiles(taken, n=4, method="inclusive")
    return Latency(median, low, high, len(taken), torch.get_num_threads())


def latency_ratio(
    a: Callable[[], object],
    b: Callable[[], object],
    *,
    warmup: int = 3,
    budget: float = 4.0,
    precision: float = 0.01,
    most: int = 10_000,
) -> LatencyRatio:
    """Time `a()` against `b()` in pairs: the median and quartiles of time(a) / time(b).

    The two calls of a pair follow one another, and which goes first alternates, so a machine that is busy for a
    while slows both. Repeats as `latency` does, with the ratio in the place of the time.
    """
    _require_plan(warmup, budget, precision)
    for _ in range(warmup):
        _timed(a), _timed(b)
    ratios: list[float] = []
    with _undisturbed():
        stop = perf_counter() + budget
        while not _enough(ratios, precision, most, stop):
            if len(ratios) % 2:
                second, first = _timed(b), _timed(a)
            else:
                first, second = _timed(a), _timed(b)
            ratios.append(first / second)
    low, median, high = quantiles(ratios, n=4, method="inclusive")
    return LatencyRatio(median, low, high, len(ratios), torch.get_num_threads())


def latency_sweep(
    model: nn.Module,
    example: Tensor,
    batch_sizes: Sequence[int] = (1, 8, 64, 256),
    *,
    warmup: int = 3,
    budget: float = 1.0,
    precision: float = 0.01,
) -> dict[int, Latency]:
    """Time a model's forward pass at several batch sizes, in evaluation mode and without a graph.

    example: (N, ...), whose rows are repeated until a batch is full. budget: seconds for each batch size.
    Returns the latency of a whole batch for each batch size, in the order given; divide by the batch size for the
    time a sample takes. Raises ValueError for an example without rows or a batch size below 1.
    """
    if not len(example):
        raise ValueError(f"example has shape {tuple(example.shape)}: at least one row is needed to fill a batch with")
    if any(size < 1 for size in batch_sizes):
        raise ValueError(f"batch_sizes is {tuple(batch_sizes)}: each must be at least 1")
    example = example.to(device_of(model, example))
    times: dict[int, Latency] = {}
    with evaluation_mode(model), torch.inference_mode():
        for size in batch_sizes:
            batch = example[torch.arange(size, device=example.device) % len(example)]
            times[size] = latency(partial(model, batch), warmup=warmup, budget=budget, precision=precision)
    return times


def readable_seconds(seconds: float) -> str:
    """Seconds with three digits and the unit that suits them: "3.74 ms"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _timed(fn: Callable[[], object]) -> float:
    """Seconds from a quiet device to a quiet device: a GPU returns from a call long before it has done the work."""
    _wait()
    began = perf_counter()
    fn()
    _wait()
    return perf_counter() - began


def _wait() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _enough(values: list[float], precision: float, most: int, stop: float) -> bool:
    n = len(values)
    if n < LEAST_REPEATS:
        return False
    if n >= most or perf_counter() >= stop:
        return True
    # Sorting at every call would cost more than a short call itself, so look at 7, 14, 28, ... values.
    if n % LEAST_REPEATS or (n // LEAST_REPEATS).bit_count() > 1:
        return False
    low, median, high = quantiles(values, n=4, method="inclusive")
    return 1.82 * (high - low) / n**0.5 <= precision * median


@contextmanager
def _undisturbed() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _require_plan(warmup: int, budget: float, precision: float) -> None:
    if warmup < 0:
        raise ValueError(f"warmup is {warmup}: a number of calls, zero or more, is needed")
    if not budget > 0 or not precision > 0:
        raise ValueError(f"budget is {budget} s, precision {precision}: both must be positive")


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count != 1 else ''}"
