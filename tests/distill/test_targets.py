"""Ensemble targets against explicit means in float64; laws: which loss each mean minimises, and KL = H(p, q) - H(p)."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import entropy, kd_loss, soften
from kdtutor.distill.targets import (
    ensemble_targets,
    geometric_ensemble_targets,
    soft_cross_entropy,
    soft_target_loss,
)

seeds = st.integers(0, 2**16)


def teachers(count: int, batch: int, classes: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(count, batch, classes, generator=generator, dtype=torch.float64)


def softmax_by_hand(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp((z - max(row)) / temperature) for z in row]
    return [power / sum(powers) for power in powers]


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 7), seeds, st.floats(0.5, 20))
def test_both_means_equal_the_ones_formed_class_by_class(count, batch, classes, seed, temperature):
    logits = teachers(count, batch, classes, seed)
    weights = [k + 1.0 for k in range(count)]
    arithmetic = ensemble_targets(logits, temperature, weights)
    geometric = geometric_ensemble_targets(list(logits), temperature, weights)
    for n in range(batch):
        p = [softmax_by_hand(logits[k, n].tolist(), temperature) for k in range(count)]
        w = [weight / sum(weights) for weight in weights]
        mean = [sum(w[k] * p[k][c] for k in range(count)) for c in range(classes)]
        product = [math.prod(p[k][c] ** w[k] for k in range(count)) for c in range(classes)]
        torch.testing.assert_close(arithmetic[n].tolist(), mean)
        torch.testing.assert_close(geometric[n].tolist(), [q / sum(product) for q in product])


@pytest.mark.parametrize("mean", [ensemble_targets, geometric_ensemble_targets])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_means_of_equal_teachers_are_that_teacher_on_its_device_and_in_its_dtype(mean, dtype, device):
    z = torch.tensor([[1e4, -1e4, 0.0], [3.0, 1.0, 2.0]], dtype=dtype, device=device, requires_grad=True)
    targets = mean([z, z, z], 4.0)
    assert targets.dtype == dtype
    assert targets.device.type == device.type
    assert not targets.requires_grad
    torch.testing.assert_close(targets, soften(z.detach(), 4.0))


@given(seeds, st.floats(1.0, 8.0))
def test_the_arithmetic_mean_has_the_gradient_of_the_weighted_sum_of_all_losses(seed, temperature):
    logits = teachers(3, 4, 5, seed)
    student = teachers(1, 4, 5, seed + 1)[0].requires_grad_()
    weights = [0.5, 0.2, 0.3]
    separate = sum(w * kd_loss(student, z, temperature) for w, z in zip(weights, logits, strict=True))
    together = soft_target_loss(student, ensemble_targets(logits, temperature, weights), temperature)
    torch.testing.assert_close(torch.autograd.grad(together, student), torch.autograd.grad(separate, student))
    assert together <= separate + 1e-12


@given(seeds, seeds)
def test_each_mean_is_the_best_answer_to_its_own_direction_of_the_divergence(seed, other):
    logits, weights = teachers(3, 4, 5, seed), [0.5, 0.2, 0.3]
    rival = 0.3 * torch.randn(4, 5, generator=torch.Generator().manual_seed(other), dtype=torch.float64)
    for mean, direction in ((ensemble_targets, "forward"), (geometric_ensemble_targets, "reverse")):
        best = mean(logits, 1.0, weights).log()

        def total(q, direction=direction):
            return sum(w * kd_loss(q, z, 1.0, direction=direction) for w, z in zip(weights, logits, strict=True))

        assert total(best) <= total(best + rival) + 1e-12


def test_one_teacher_vetoes_a_class_in_the_geometric_mean_alone():
    z = torch.tensor([[[0.0, 0.0, -torch.inf]], [[0.0, 0.0, 0.0]]])
    assert geometric_ensemble_targets(z, 1.0)[0, 2] == 0
    assert ensemble_targets(z, 1.0)[0, 2].item() == pytest.approx(1 / 6)
    assert geometric_ensemble_targets(z, 1.0, [0.0, 1.0])[0, 2].item() == pytest.approx(1 / 3)


@given(seeds, st.floats(0.5, 20))
def test_soft_target_loss_to_softened_logits_is_the_distillation_loss(seed, temperature):
    student, teacher = teachers(2, 3, 6, seed)
    for reduction in ("batchmean", "sum", "none"):
        torch.testing.assert_close(
            soft_target_loss(student, soften(teacher, temperature), temperature, reduction=reduction),
            kd_loss(student, teacher, temperature, reduction=reduction),
        )


def test_soft_target_loss_accepts_targets_of_zero_and_one():
    student = torch.tensor([[2.0, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    loss = soft_target_loss(student, torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64), 1.0)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(student, torch.tensor([1])))
    assert torch.autograd.gradcheck(
        lambda z: soft_target_loss(z, torch.tensor([[0.0, 0.4, 0.6]], dtype=torch.float64), 3.0), student
    )


@given(seeds, st.floats(0.5, 20))
def test_soft_cross_entropy_has_the_gradient_of_the_divergence_and_is_larger_by_the_teacher_s_entropy(
    seed, temperature
):
    student, teacher = teachers(2, 3, 6, seed)
    student.requires_grad_()
    ours, kl = soft_cross_entropy(student, teacher, temperature), kd_loss(student, teacher, temperature)
    torch.testing.assert_close(torch.autograd.grad(ours, student), torch.autograd.grad(kl, student))
    by_hand = 0.0
    for s_row, t_row in zip(student.tolist(), teacher.tolist(), strict=True):
        s, t = softmax_by_hand(s_row, temperature), softmax_by_hand(t_row, temperature)
        by_hand -= sum(b * math.log(a) for a, b in zip(s, t, strict=True))
    torch.testing.assert_close(ours.item(), temperature**2 * by_hand / 3)
    H = entropy(soften(teacher, temperature)).mean()
    torch.testing.assert_close(ours - kl, temperature**2 * H)


def test_soft_cross_entropy_of_two_equal_networks_is_not_zero():
    z = teachers(1, 4, 5, 0)[0]
    assert kd_loss(z, z).item() == pytest.approx(0, abs=1e-12)
    assert soft_cross_entropy(z, z) > 1


def test_soft_cross_entropy_agrees_with_torch_s_cross_entropy_on_probabilities():
    student, teacher = teachers(2, 3, 6, 1)
    theirs = 16 * torch.nn.functional.cross_entropy(student / 4, soften(teacher, 4.0))
    torch.testing.assert_close(soft_cross_entropy(student, teacher), theirs)


def test_soft_cross_entropy_and_gradient_stay_finite_for_huge_and_impossible_logits(device):
    student = torch.tensor([[1e4, -1e4, -torch.inf]], device=device, requires_grad=True)
    loss = soft_cross_entropy(student, torch.tensor([[-1e4, 1e4, -torch.inf]], device=device))
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


two_by_three = torch.zeros(2, 3)
REFUSED = [
    (lambda: ensemble_targets([]), ValueError, "holds no teacher"),
    (lambda: ensemble_targets(two_by_three), ValueError, r"teacher_logits has shape \(2, 3\): several teachers"),
    (
        lambda: ensemble_targets([two_by_three, torch.zeros(2, 4)]),
        ValueError,
        r"teacher_logits\[1\] has shape \(2, 4\), teacher_logits\[0\] \(2, 3\)",
    ),
    (lambda: ensemble_targets([two_by_three.int()]), TypeError, r"teacher_logits\[0\] has dtype int32"),
    (lambda: ensemble_targets([two_by_three * torch.nan]), ValueError, r"teacher_logits\[0\] holds NaN"),
    (lambda: ensemble_targets([two_by_three], 4.0, [1.0, 2.0]), ValueError, "2 entries, teacher_logits 1 teachers"),
    (lambda: ensemble_targets([two_by_three], 4.0, [0.0]), ValueError, "at least one above zero"),
    (lambda: ensemble_targets([two_by_three] * 2, 4.0, [-1.0, 2.0]), ValueError, "zero or more"),
    (lambda: ensemble_targets([two_by_three], 0.0), ValueError, "temperature is 0.0"),
    (
        lambda: geometric_ensemble_targets([torch.tensor([[0.0, -torch.inf]]), torch.tensor([[-torch.inf, 0.0]])]),
        ValueError,
        "ruled out by some teacher",
    ),
    (lambda: soft_target_loss(two_by_three, two_by_three), ValueError, "a row of targets sums to 0"),
    (lambda: soft_target_loss(two_by_three, torch.ones(3, 1)), ValueError, r"targets has shape \(3, 1\)"),
    (lambda: soft_cross_entropy(two_by_three, torch.zeros(2, 4)), ValueError, r"teacher_logits has shape \(2, 4\)"),
    (lambda: soft_cross_entropy(two_by_three, two_by_three, reduction="mean"), ValueError, "reduction is 'mean'"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
