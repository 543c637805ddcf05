"""The oracle is numpy's correlation matrix, one row and one column at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import dist_loss, soften


def pair(rows, classes, seed, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64) for _ in "st")


def dist_by_hand(student, teacher, temperature, beta, gamma):
    p, q = (np.exp(z.numpy() / temperature) for z in (student, teacher))
    p, q = (e / e.sum(1, keepdims=True) for e in (p, q))
    rows = [np.corrcoef(p[i], q[i])[0, 1] for i in range(p.shape[0])]
    columns = [np.corrcoef(p[:, c], q[:, c])[0, 1] for c in range(p.shape[1])]
    return beta * (1 - np.mean(rows)) + gamma * (1 - np.mean(columns))


@given(
    st.builds(pair, st.integers(2, 7), st.integers(2, 7), st.integers(0, 10**6)),
    st.floats(0.8, 8),
    st.floats(0, 3),
    st.floats(0, 3),
)
def test_dist_loss_equals_numpys_correlations_without_any_t_squared(pair, temperature, beta, gamma):
    wanted = dist_by_hand(*pair, temperature, beta, gamma)
    assert dist_loss(*pair, temperature, beta, gamma).item() == pytest.approx(wanted, rel=1e-6, abs=1e-8)


def test_the_intra_class_relation_is_the_inter_class_one_of_the_transposed_probabilities():
    student, teacher = pair(5, 5, 0)
    p, q = (soften(z, 1.0) for z in (student, teacher))
    inter = dist_loss(student, teacher, gamma=0.0)
    intra = dist_loss(student, teacher, beta=0.0)
    torch.testing.assert_close(inter + intra, dist_loss(student, teacher))
    torch.testing.assert_close(intra.item(), 1 - np.mean([np.corrcoef(p[:, c], q[:, c])[0, 1] for c in range(5)]))


def test_dist_is_zero_at_equality_and_a_match_needs_only_correlation():
    student, _ = pair(6, 4, 1)
    assert dist_loss(student, student).item() == pytest.approx(0, abs=1e-12)
    p = soften(student, 1.0)
    milder = (0.7 * p + 0.3 / 4).log()
    assert dist_loss(student, milder).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_constant_rows_and_saturated_logits_give_finite_values_and_gradients(dtype, device):
    big = 1e4
    student = torch.tensor([[0.0, 0, 0], [big, -big, 0], [5, 5, 5]], dtype=dtype, device=device, requires_grad=True)
    teacher = torch.tensor([[1.0, 2, 3], [-big, big, 0], [0, 0, 0]], dtype=dtype, device=device)
    loss = dist_loss(student, teacher)
    loss.backward()
    assert loss.isfinite()
    assert loss.dtype == dtype
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("gap", [60.0, 85.0, 87.3, 88.7, 95.0, 103.0, 110.0])
def test_classes_at_the_edge_of_float32s_range_give_finite_gradients(gap):
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(4, 5, generator=generator) for _ in "st")
    student[:, 0] -= gap
    teacher[:, 0] -= gap
    student.requires_grad_()
    dist_loss(student, teacher).backward()
    assert student.grad.isfinite().all()


def test_in_a_batch_of_one_every_class_is_constant_and_counts_as_uncorrelated():
    student, teacher = pair(1, 4, 2)
    student.requires_grad_()
    intra = dist_loss(student, teacher, beta=0.0)
    assert intra.item() == 1
    assert torch.autograd.grad(intra, student)[0].abs().max() == 0


def test_dist_has_the_gradient_that_finite_differences_see_and_spares_the_teacher():
    student, teacher = pair(4, 5, 3)
    assert torch.autograd.gradcheck(lambda z: dist_loss(z, teacher, 2.0, 0.7, 1.3), student.requires_grad_())
    teacher.requires_grad_()
    dist_loss(student, teacher).backward()
    assert teacher.grad is None


two = torch.zeros(2, 3)
REFUSED = [
    (lambda: dist_loss(two, two[:1]), ValueError, r"teacher_logits has shape \(1, 3\)"),
    (lambda: dist_loss(two, two, -1.0), ValueError, "temperature is -1.0"),
    (lambda: dist_loss(two, two, gamma=-1.0), ValueError, "gamma is -1.0"),
    (lambda: dist_loss(two, two - torch.inf), ValueError, "teacher_logits holds infinity in 6 of 6"),
    (lambda: dist_loss(two.long(), two), TypeError, "student_logits has dtype int64"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
