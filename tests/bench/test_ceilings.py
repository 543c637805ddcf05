"""Ceilings are measured, positive, and bound what can be computed as the roofline says."""

import pytest
import torch

from kdtutor.bench import ceilings as module
from kdtutor.bench.ceilings import CACHE, MEMORY, Ceilings, copy_rate, measure_ceilings


def test_every_ceiling_of_this_machine_is_positive_and_has_its_row() -> None:
    ceilings, rows = measure_ceilings(torch.device("cpu"), rehearsal=True)
    assert set(ceilings.bytes_per_second) == {MEMORY, CACHE}
    assert set(ceilings.operations_per_second) == {"fp32", "bf16", "int8"}
    assert all(rate > 0 for rate in (*ceilings.bytes_per_second.values(), *ceilings.operations_per_second.values()))
    assert len(rows) == 5
    assert all(row.verdict == "rehearsed" and row.rival_is is None and row.ours for row in rows)


def test_a_copy_counts_what_is_read_and_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    class Took:
        low = 0.5

    monkeypatch.setattr(module, "latency", lambda fn, budget: Took)
    assert copy_rate(torch.device("cpu"), 1000, 1.0) == 2 * 1000 / 0.5


def test_the_slower_of_bytes_and_operations_is_the_limit() -> None:
    ceilings = Ceilings({MEMORY: 10e9}, {"fp32": 100e9, "int8": 400e9})
    assert ceilings.least_seconds(moved=5e9) == pytest.approx(0.5)
    assert ceilings.least_seconds(operations=200e9) == pytest.approx(2.0)
    assert ceilings.least_seconds(moved=5e9, operations=200e9) == pytest.approx(2.0)
    assert ceilings.least_seconds(moved=50e9, operations=200e9) == pytest.approx(5.0)
    assert ceilings.least_seconds(operations=200e9, dtype="int8") == pytest.approx(0.5)


def test_few_bytes_are_held_against_the_cache() -> None:
    ceilings = Ceilings({MEMORY: 10e9, CACHE: 100e9})
    assert ceilings.least_seconds(moved=1e6) == pytest.approx(1e-5)
    assert ceilings.least_seconds(moved=1e9) == pytest.approx(0.1)


def test_an_unknown_ceiling_gives_no_limit_instead_of_a_flattering_one() -> None:
    assert Ceilings().least_seconds(moved=1e9) is None
    assert Ceilings({MEMORY: 1e9}).least_seconds(moved=1e9, operations=1e9, dtype="bf16") is None
    assert Ceilings({MEMORY: 1e9}).least_seconds() is None


def test_a_ceiling_that_cannot_be_measured_says_why_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.product_rate

    def without_int8(device: torch.device, dtype: torch.dtype, side: int, budget: float) -> float:
        if dtype == torch.int8:
            raise RuntimeError("no int8 units here\nand a long trace")
        return real(device, dtype, side, budget)

    monkeypatch.setattr(module, "product_rate", without_int8)
    ceilings, rows = measure_ceilings(torch.device("cpu"), rehearsal=True)
    assert set(ceilings.operations_per_second) == {"fp32", "bf16"}
    assert (rows[-1].verdict, rows[-1].reason) == ("not available", "no int8 units here")


def test_a_busy_machine_is_said_to_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (9.5, 1.0, 1.0))
    _, rows = measure_ceilings(torch.device("cpu"), rehearsal=True)
    assert "9.5 processes wanted" in rows[0].note
    monkeypatch.setattr("os.getloadavg", lambda: (0.3, 1.0, 1.0))
    _, rows = measure_ceilings(torch.device("cpu"), rehearsal=True)
    assert not any(row.note for row in rows)
