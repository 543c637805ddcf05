"""Weights against a loop, temperatures against the entropy they must produce, the loss against one row at a time."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import entropy, kd_loss, soften
from kdtutor.distill.per_sample import entropy_temperatures, entropy_weights, per_sample_kd_loss

seeds = st.integers(0, 2**16)


def rows(batch: int, classes: int, seed: int, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(batch, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(1, 6), st.integers(1, 7), seeds, st.floats(0, 5), st.sampled_from(["confident", "unsure"]))
def test_weights_are_the_exponentials_written_out_and_their_mean_is_one(batch, classes, seed, strength, prefer):
    teacher = rows(batch, classes, seed)
    weights = entropy_weights(teacher, 2.0, prefer=prefer, strength=strength)
    raw = []
    for row in teacher.tolist():
        powers = [math.exp((z - max(row)) / 2) for z in row]
        H = -sum(p / sum(powers) * math.log(p / sum(powers)) for p in powers)
        h = H / math.log(classes) if classes > 1 else 0.0
        raw.append(math.exp(strength * (h if prefer == "unsure" else -h)))
    torch.testing.assert_close(weights.tolist(), [batch * w / sum(raw) for w in raw])
    assert weights.mean().item() == pytest.approx(1)
    assert weights.max() <= weights.min() * math.exp(strength) * (1 + 1e-9)


def test_the_preferred_rows_weigh_more_and_strength_zero_weighs_all_alike():
    teacher = torch.tensor([[9.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    confident = entropy_weights(teacher, prefer="confident")
    unsure = entropy_weights(teacher, prefer="unsure")
    assert (confident.diff() < 0).all()
    assert (unsure.diff() > 0).all()
    torch.testing.assert_close(entropy_weights(teacher, strength=0.0), torch.ones(3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_stay_finite_for_huge_logits_and_follow_the_device(dtype, device):
    teacher = torch.tensor([[1e4, -1e4, 0.0], [1e4, 1e4, 1e4]], dtype=dtype, device=device, requires_grad=True)
    weights = entropy_weights(teacher)
    assert weights.isfinite().all()
    assert weights.device.type == device.type
    assert weights.dtype == torch.float32
    assert not weights.requires_grad


@given(st.integers(1, 5), st.integers(2, 9), seeds, st.floats(1e-3, 1e4), st.floats(0.02, 0.98))
def test_the_softened_entropy_hits_its_target_whatever_the_scale_of_the_logits(batch, classes, seed, scale, share):
    teacher = rows(batch, classes, seed, scale)
    target = share * math.log(classes)
    T = entropy_temperatures(teacher, target)
    torch.testing.assert_close(
        entropy(torch.softmax(teacher / T.unsqueeze(-1), -1)), torch.full((batch,), target, dtype=torch.float64)
    )


def test_temperatures_scale_with_the_logits_and_ignore_their_shift():
    teacher = rows(4, 6, 0)
    T = entropy_temperatures(teacher, 1.0)
    torch.testing.assert_close(entropy_temperatures(10 * teacher + 3, 1.0), 10 * T)


def test_classes_that_cannot_occur_do_not_count_and_ties_set_the_floor():
    teacher = torch.tensor([[2.0, 2.0, 0.0, -torch.inf]], dtype=torch.float64)
    T = entropy_temperatures(teacher, 0.9)
    assert entropy(soften(teacher, T.item())).item() == pytest.approx(0.9)
    with pytest.raises(ValueError, match=r"row 0 .* between 0.6931 \(T → 0\) and 1.099"):
        entropy_temperatures(teacher, 0.69)
    with pytest.raises(ValueError, match=r"target_entropy is 1\.2"):
        entropy_temperatures(teacher, 1.2)


def test_temperatures_follow_the_device_and_take_half_precision(device):
    T = entropy_temperatures(rows(4, 5, 1).to(device, torch.float16), 1.0)
    assert T.device.type == device.type
    assert T.dtype == torch.float32
    assert (T > 0).all()


@given(st.integers(1, 5), seeds)
def test_the_loss_is_the_weighted_mean_of_single_rows_at_their_own_temperature(batch, seed):
    student, teacher = rows(batch, 5, seed), rows(batch, 5, seed + 1)
    T, w = 1 + 3 * torch.rand(batch, dtype=torch.float64), torch.rand(batch, dtype=torch.float64)
    by_hand = [w[n] * kd_loss(student[n : n + 1], teacher[n : n + 1], T[n].item()) for n in range(batch)]
    torch.testing.assert_close(per_sample_kd_loss(student, teacher, T, w), sum(by_hand) / batch)
    torch.testing.assert_close(per_sample_kd_loss(student, teacher, T, w, reduction="none"), torch.stack(by_hand))


def test_equal_temperatures_and_weights_are_the_plain_loss_and_only_the_student_gets_a_gradient(device):
    student, teacher = (rows(4, 5, s).to(device).requires_grad_() for s in (0, 1))
    T = torch.full((4,), 3.0, device=device, requires_grad=True)
    loss = per_sample_kd_loss(student, teacher, T, torch.ones(4, device=device))
    torch.testing.assert_close(loss, kd_loss(student, teacher, 3.0))
    loss.backward()
    assert teacher.grad is None
    assert T.grad is None
    assert student.grad.abs().sum() > 0


def test_the_loss_has_the_gradient_that_finite_differences_see():
    teacher, T, w = rows(3, 4, 1), torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 1.0, 2.0])
    assert torch.autograd.gradcheck(
        lambda z: per_sample_kd_loss(z, teacher, T, w), rows(3, 4, 0).clone().requires_grad_()
    )


two_by_three = torch.zeros(2, 3)
two = torch.ones(2)
REFUSED = [
    (lambda: entropy_weights(two_by_three, prefer="sure"), ValueError, "prefer is 'sure'"),
    (lambda: entropy_weights(two_by_three, strength=-1.0), ValueError, "strength is -1.0"),
    (lambda: entropy_weights(two_by_three[0]), ValueError, r"teacher_logits has shape \(3,\)"),
    (lambda: entropy_weights(two_by_three.long()), TypeError, "teacher_logits has dtype int64"),
    (lambda: entropy_weights(two_by_three * torch.nan), ValueError, "teacher_logits holds NaN"),
    (lambda: entropy_temperatures(two_by_three, 0.5), ValueError, "row 0 of teacher_logits reaches only"),
    (lambda: entropy_temperatures(torch.tensor([[0.0, 1.0]]), 0.8), ValueError, "0.6931"),
    (lambda: entropy_temperatures(two_by_three, 0.0), ValueError, "target_entropy is 0.0"),
    (
        lambda: per_sample_kd_loss(two_by_three, two_by_three, torch.ones(3)),
        ValueError,
        r"temperatures has shape \(3,\)",
    ),
    (lambda: per_sample_kd_loss(two_by_three, two_by_three, -two), ValueError, "temperatures holds a value"),
    (lambda: per_sample_kd_loss(two_by_three, two_by_three, two, -two), ValueError, "weights holds a value"),
    (lambda: per_sample_kd_loss(two_by_three, two_by_three, two.long()), TypeError, "temperatures has dtype int64"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
