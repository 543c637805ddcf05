"""Standardised logits: rows of mean zero and size one, accurate, differentiable, and refused where they cannot be."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import kd_loss, standardize_logits
from tests.distill.logit_pairs import logit_pair, pairs


@given(pairs, st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_standardised_rows_have_mean_zero_and_size_one_whatever_their_scale_and_offset(pair, scale, shift):
    logits, _ = pair
    ours = standardize_logits(logits)
    for row, z in zip(ours.tolist(), logits.tolist(), strict=True):
        mean = sum(z) / len(z)
        std = math.sqrt(sum((x - mean) ** 2 for x in z) / len(z))
        assert row == pytest.approx([(x - mean) / std if std else 0.0 for x in z], rel=1e-7, abs=1e-9)
    torch.testing.assert_close(standardize_logits(scale * logits + shift), ours, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("row", [[0.0, 0, 0], [0.1, 0.1, 0.1], [1e4, 1e4, 1e4], [7.0]])
def test_a_row_of_equal_logits_becomes_zeros_with_zero_gradient(row, dtype, device):
    logits = torch.tensor([row], dtype=dtype, device=device, requires_grad=True)
    ours = standardize_logits(logits)
    ours.square().sum().backward()
    assert ours.abs().max().item() == 0
    assert logits.grad.abs().max().item() == 0


@pytest.mark.parametrize("size", [1e-30, 1e-4, 1e4, 1e30])
def test_standardising_is_accurate_for_logits_of_any_size(size):
    logits = torch.tensor([[1.0, 2.0, 4.0, -3.0]])
    wanted = torch.tensor([[0.0, 1.0, 3.0, -4.0]]) / math.sqrt(26 / 4)
    scaled = (size * logits).requires_grad_()
    ours = standardize_logits(scaled)
    torch.testing.assert_close(ours, wanted)
    ours[0, 1].backward()
    assert (size * scaled.grad).isfinite().all()


def test_standardising_has_the_derivatives_that_finite_differences_see():
    logits = logit_pair(3, 5, 7)[0].requires_grad_()
    assert torch.autograd.gradcheck(standardize_logits, logits)
    assert torch.autograd.gradgradcheck(standardize_logits, logits)


def test_standardised_distillation_no_longer_sees_how_loud_the_teacher_is():
    student, teacher = logit_pair(4, 6, 8)
    loss = kd_loss(standardize_logits(student), standardize_logits(teacher), 2.0)
    torch.testing.assert_close(kd_loss(standardize_logits(student), standardize_logits(50 * teacher + 3), 2.0), loss)
    assert kd_loss(student, 50 * teacher, 2.0) > 1.5 * kd_loss(student, teacher, 2.0)


@pytest.mark.parametrize(
    ("logits", "error", "words"),
    [
        (torch.zeros(2, 3).long(), TypeError, "logits has dtype int64"),
        (torch.zeros(2, 0), ValueError, "needs at least one"),
        (torch.tensor([0.0, -torch.inf]), ValueError, "logits holds infinity in 1 of 2"),
        (torch.tensor([0.0, torch.nan]), ValueError, "logits holds NaN"),
    ],
)
def test_logits_that_cannot_be_standardised_are_refused(logits, error, words):
    with pytest.raises(error, match=words):
        standardize_logits(logits)
