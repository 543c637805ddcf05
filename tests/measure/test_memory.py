"""Peak memory against allocations of known size."""

import gc

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import kd_loss
from kdtutor.measure import peak_memory
from kdtutor.measure.memory import peak_of_moves

MIB = 2**20


def test_a_known_allocation_is_measured_to_the_byte():
    assert peak_memory(lambda: torch.empty(1000, 1000)) == 4_000_000
    assert peak_memory(lambda: torch.empty(10, dtype=torch.float64)) == 80
    assert peak_memory(lambda: None) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10_000)), max_size=20))
def test_the_peak_is_the_largest_sum_of_what_lived_at_once(steps):
    held = peak = 0
    sizes = []
    for keep, size in steps:
        sizes, held = (sizes, held) if keep else ([], 0)
        sizes.append(size)
        held += size
        peak = max(peak, held)

    def allocate():
        alive = []
        for keep, size in steps:
            if not keep:
                alive.clear()
            alive.append(torch.empty(size, dtype=torch.uint8))

    assert peak_memory(allocate) == peak


def test_what_was_held_before_and_is_freed_inside_does_not_hide_what_is_made():
    held = [torch.empty(MIB, dtype=torch.uint8)]

    def replace():
        held.clear()
        held.append(torch.empty(3 * MIB, dtype=torch.uint8))

    assert peak_memory(replace) == 3 * MIB


def test_a_block_from_before_is_not_freed_at_the_size_of_an_earlier_one_at_its_address():
    assert peak_of_moves([(0x1000, -48 * MIB), (0x2000, 2 * MIB)]) == 2 * MIB
    assert peak_of_moves([(0x1000, 3 * MIB), (0x1000, -48 * MIB), (0x2000, 2 * MIB), (0x3000, 2 * MIB)]) == 4 * MIB


def test_a_temporary_inside_one_expression_counts(device):
    x = torch.ones(MIB, dtype=torch.float32, device=device)
    torch.ones(1, device=device)
    assert peak_memory(lambda: (x + 1).sum(), device) == pytest.approx(4 * MIB, abs=4096)
    assert peak_memory(lambda: ((x + 1) * (x + 2)).sum(), device) == pytest.approx(12 * MIB, abs=4096)


def test_the_backward_pass_counts(device):
    z_t = torch.randn(256, 1024, device=device)
    z_s = torch.randn(256, 1024, device=device, requires_grad=True)
    forward = peak_memory(lambda: kd_loss(z_s.detach(), z_t), device)
    both = peak_memory(lambda: torch.autograd.grad(kd_loss(z_s, z_t), z_s), device)
    assert both >= forward >= 4 * 256 * 1024


def test_measuring_writes_nothing_and_an_error_inside_comes_through(capfd):
    with pytest.raises(KeyError):
        peak_memory(lambda: {}["missing"])
    assert peak_memory(lambda: torch.empty(25)) == 100
    assert capfd.readouterr() == ("", "")


def test_older_garbage_is_neither_counted_nor_warned_of(capfd):
    ring: list[object] = [torch.empty(MIB, dtype=torch.uint8)]
    ring.append(ring)
    del ring

    def collect():
        gc.collect()
        return torch.empty(100, dtype=torch.uint8)

    assert peak_memory(collect) == 100
    assert capfd.readouterr() == ("", "")


def test_another_kind_of_device_is_refused():
    with pytest.raises(ValueError, match="device is meta: 'cpu' or 'cuda' is needed"):
        peak_memory(lambda: None, "meta")
