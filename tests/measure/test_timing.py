"""Latency: against sleeps of known length, and against the rules it states."""

import gc
import time

import pytest
import torch
from torch import nn

from kdtutor.measure import latency, latency_ratio, latency_sweep
from kdtutor.measure.timing import LEAST_REPEATS, Latency, readable_seconds


class Clock:
    """Calls that take exactly the seconds they are told to, by a clock of their own."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr("kdtutor.measure.timing.perf_counter", lambda: self.now)

    def task(self, *durations, name=""):
        durations = list(durations)

        def call():
            self.calls.append(name)
            self.now += durations.pop(0) if len(durations) > 1 else durations[0]

        return call


def test_the_median_of_a_sleep_is_the_sleep():
    measured = latency(lambda: time.sleep(0.004), budget=0.2)
    assert 0.004 <= measured.low <= measured.median <= measured.high
    assert measured.median < 0.02
    assert measured.threads == torch.get_num_threads()


def test_slow_first_calls_are_warm_up_and_do_not_count(monkeypatch):
    clock = Clock(monkeypatch)
    measured = latency(clock.task(9.0, 9.0, 9.0, 0.001), warmup=3)
    assert measured.median == pytest.approx(0.001)
    assert measured.high == pytest.approx(0.001)


def test_one_stalled_call_moves_neither_median_nor_quartiles(monkeypatch):
    measured = latency(Clock(monkeypatch).task(0.01, 0.01, 5.0, 0.01), warmup=0, budget=100.0)
    assert (measured.low, measured.median, measured.high) == pytest.approx((0.01, 0.01, 0.01))


def test_equal_calls_stop_at_the_least_number_of_repeats(monkeypatch):
    assert latency(Clock(monkeypatch).task(0.001)).n == LEAST_REPEATS


def test_noisy_calls_go_on_until_the_median_is_known_and_no_further(monkeypatch):
    clock = Clock(monkeypatch)
    noise = iter(torch.rand(100_000, generator=torch.Generator().manual_seed(0)).tolist())

    def call():
        clock.now += 0.001 * (0.8 + 0.4 * next(noise))

    rough = latency(call, budget=1e9, precision=0.05)
    fine = latency(call, budget=1e9, precision=0.01)
    assert rough.n < fine.n < 10_000
    assert fine.median == pytest.approx(0.001, rel=0.03)
    assert 0.00085 < fine.low < 0.00095 < 0.00105 < fine.high < 0.00115


def test_the_budget_ends_a_measurement_that_will_not_settle(monkeypatch):
    clock = Clock(monkeypatch)
    durations = iter([0.1, 0.5] * 1000)

    def call():
        clock.now += next(durations)

    assert latency(call, warmup=0, budget=10.0, precision=1e-9).n == pytest.approx(10.0 / 0.3, abs=2)


def test_the_number_of_calls_has_a_limit(monkeypatch):
    clock = Clock(monkeypatch)
    durations = iter([1e-6, 2e-6] * 1000)

    def call():
        clock.now += next(durations)

    assert latency(call, precision=1e-9, most=50).n == 50


def test_garbage_collection_waits_and_comes_back_also_after_an_error():
    seen = []
    latency(lambda: seen.append(gc.isenabled()), warmup=0, most=LEAST_REPEATS)
    assert not any(seen)
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        latency(lambda: 1 / (len(seen) - LEAST_REPEATS), warmup=0)
    assert gc.isenabled()


def test_the_ratio_of_two_tasks_survives_a_machine_that_slows_down_meanwhile(monkeypatch):
    clock = Clock(monkeypatch)
    calls = {"a": 0, "b": 0}

    def task(name, seconds):
        def call():
            calls[name] += 1
            clock.now += seconds * (1 + calls[name] // 10)

        return call

    ratio = latency_ratio(task("a", 0.002), task("b", 0.008), warmup=0, budget=30.0, precision=1e-12)
    assert ratio.median == pytest.approx(0.25)
    assert calls["a"] == calls["b"] == ratio.n


def test_the_two_tasks_of_a_pair_take_turns_in_going_first(monkeypatch):
    clock = Clock(monkeypatch)
    a, b = clock.task(0.001, name="a"), clock.task(0.002, name="b")
    assert latency_ratio(a, b, warmup=1, most=8).n == LEAST_REPEATS
    assert "".join(clock.calls) == "ab" + "ab" + "ba" + "ab" + "ba" + "ab" + "ba" + "ab"


def test_more_work_takes_longer(device):
    small, large = torch.rand(64, 64, device=device), torch.rand(1536, 1536, device=device)
    assert latency_ratio(lambda: small @ small, lambda: large @ large, budget=0.3).median < 0.5


def test_a_sweep_measures_every_batch_size_in_evaluation_mode_without_a_graph(device):
    seen = []

    class Watched(nn.Linear):
        def forward(self, x):
            y = super().forward(x)
            seen.append((len(x), self.training, y.requires_grad, x.device.type))
            return y

    model = Watched(6, 2).to(device).train()
    example = torch.arange(18.0).view(3, 6)
    sweep = latency_sweep(model, example, (1, 4, 7), budget=0.02)
    assert list(sweep) == [1, 4, 7]
    assert {size for size, *_ in seen} == {1, 4, 7}
    assert {tuple(rest) for _, *rest in seen} == {(False, False, device.type)}
    assert model.training


def test_a_latency_reads_as_a_sentence():
    text = str(Latency(0.00374, 0.0037, 0.0038, 120, 2))
    assert text == "3.74 ms (middle half 3.7 ms to 3.8 ms, 120 calls, 2 threads)"
    assert str(Latency(1.0, 1.0, 1.0, 7, 1)).endswith("7 calls, 1 thread)")
    assert [readable_seconds(s) for s in (2.5, 12e-6, 3e-9, 0.0)] == ["2.5 s", "12 µs", "3 ns", "0 ns"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: latency(lambda: None, budget=0), "budget is 0"),
        (lambda: latency(lambda: None, precision=-1), "precision -1"),
        (lambda: latency(lambda: None, warmup=-1), "warmup is -1"),
        (lambda: latency_ratio(lambda: None, lambda: None, budget=-1), "budget is -1"),
        (lambda: latency_sweep(nn.Identity(), torch.rand(0, 3)), r"example has shape \(0, 3\)"),
        (lambda: latency_sweep(nn.Identity(), torch.rand(1, 3), (0,)), r"batch_sizes is \(0,\)"),
    ],
)
def test_bad_plans_are_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
