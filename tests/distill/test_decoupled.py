"""The oracle forms both parts from explicit probabilities, one sample and one class at a time."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import decoupled_parts, dkd_loss, kd_loss, soften


def case(rows, classes, seed, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64) for _ in "st")
    return student, teacher, torch.randint(classes, (rows,), generator=generator)


cases = st.builds(case, st.integers(1, 6), st.integers(2, 8), st.integers(0, 10**6))


def probabilities(row, temperature):
    powers = [math.exp((z - max(row)) / temperature) for z in row]
    return [power / sum(powers) for power in powers]


def parts_by_hand(student, teacher, labels, temperature):
    rows = []
    for s_row, t_row, y in zip(student.tolist(), teacher.tolist(), labels.tolist(), strict=True):
        s, t = probabilities(s_row, temperature), probabilities(t_row, temperature)
        target = sum(a * math.log(a / b) for a, b in ((t[y], s[y]), (1 - t[y], 1 - s[y])))
        others = [c for c in range(len(s)) if c != y]
        non_target = sum(t[c] / (1 - t[y]) * math.log(t[c] / (1 - t[y]) / (s[c] / (1 - s[y]))) for c in others)
        rows.append((temperature**2 * target, temperature**2 * non_target))
    return rows


@given(cases, st.floats(1.0, 8.0))
def test_both_parts_equal_the_sums_formed_by_hand(case, temperature):
    target, non_target = zip(*parts_by_hand(*case, temperature), strict=True)
    parts = decoupled_parts(*case, temperature)
    torch.testing.assert_close(parts[0].tolist(), list(target), rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(parts[1].tolist(), list(non_target), rtol=1e-7, atol=1e-9)


@given(cases, st.floats(0.5, 8.0), st.floats(0, 3), st.floats(0, 9))
def test_dkd_loss_weighs_the_parts_and_averages_the_batch(case, temperature, alpha, beta):
    target, non_target = decoupled_parts(*case, temperature)
    torch.testing.assert_close(
        dkd_loss(*case, temperature, alpha, beta), alpha * target.mean() + beta * non_target.mean()
    )


@given(cases, st.floats(0.5, 8.0))
def test_kd_is_the_target_part_plus_the_rest_of_the_teachers_mass_times_the_non_target_part(case, temperature):
    student, teacher, labels = case
    target, non_target = decoupled_parts(*case, temperature)
    sure = soften(teacher, temperature).gather(1, labels.unsqueeze(1)).squeeze(1)
    whole = kd_loss(student, teacher, temperature, reduction="none")
    torch.testing.assert_close(target + (1 - sure) * non_target, whole, rtol=1e-7, atol=1e-9)


@given(cases, st.floats(-100, 100))
def test_dkd_is_zero_at_equality_and_blind_to_row_shifts(case, shift):
    student, teacher, labels = case
    assert abs(dkd_loss(student + shift, student, labels).item()) < 1e-9
    torch.testing.assert_close(dkd_loss(student + shift, teacher, labels), dkd_loss(student, teacher, labels))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_with_two_classes_the_non_target_part_and_its_gradient_are_exactly_zero(dtype, device):
    student, teacher, labels = (x.to(device) for x in case(9, 2, 0))
    student = student.to(dtype).requires_grad_()
    loss = dkd_loss(student, teacher.to(dtype), labels, alpha=0.0)
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max().item() == 0


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_margins_of_ten_thousand_stay_finite_also_in_half_precision(dtype, temperature, device):
    big = 1e4 if dtype != torch.float16 else 1e3
    student = torch.tensor([[big, -big, 0.0], [-big, big, 0.0]], dtype=dtype, device=device, requires_grad=True)
    labels = torch.tensor([0, 0], device=device)
    loss = dkd_loss(student, -student.detach(), labels, temperature, alpha=0.25, beta=0.5)
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()
    assert student.grad.abs().sum() > 0


def test_margins_beyond_float32s_exponent_give_the_limit_exactly():
    student = torch.tensor([[1e4, 0.0, 0.0]])
    target, non_target = decoupled_parts(student, torch.zeros(1, 3), torch.tensor([0]), 1.0)
    wanted = sum(b * (math.log(b) - q) for b, q in ((1 / 3, 0.0), (2 / 3, math.log(2) - 1e4)))
    assert target.item() == pytest.approx(wanted, rel=1e-6)
    assert non_target.item() == 0


def test_dkd_has_the_gradient_that_finite_differences_see():
    student, teacher, labels = case(3, 5, 1)
    assert torch.autograd.gradcheck(lambda z: dkd_loss(z, teacher, labels, 2.0), student.requires_grad_())


def test_a_class_ruled_out_in_both_adds_nothing_and_the_teacher_no_gradient():
    student, teacher, labels = case(4, 5, 2)
    padding = torch.full((4, 2), -torch.inf, dtype=torch.float64)
    padded = torch.cat([student, padding], 1).requires_grad_()
    teacher = torch.cat([teacher, padding], 1).requires_grad_()
    loss = dkd_loss(padded, teacher, labels)
    torch.testing.assert_close(loss, dkd_loss(student, teacher[:, :5], labels))
    loss.backward()
    assert padded.grad.isfinite().all()
    assert teacher.grad is None


two = torch.zeros(2, 3)
REFUSED = [
    (lambda: dkd_loss(two, two[:, :2], torch.tensor([0, 1])), ValueError, r"teacher_logits has shape \(2, 2\)"),
    (lambda: dkd_loss(two, two, torch.tensor([0, 3])), ValueError, "labels range from 0 to 3"),
    (lambda: dkd_loss(two, two, torch.tensor([0.0, 1.0])), TypeError, "labels is float32"),
    (lambda: dkd_loss(two[:, :1], two[:, :1], torch.tensor([0, 0])), ValueError, "two classes"),
    (lambda: dkd_loss(two, two, torch.tensor([0, 1]), 0.0), ValueError, "temperature is 0.0"),
    (lambda: dkd_loss(two, two, torch.tensor([0, 1]), beta=-1.0), ValueError, "beta is -1.0"),
    (lambda: dkd_loss(two, two * torch.nan, torch.tensor([0, 1])), ValueError, "teacher_logits holds NaN"),
    (
        lambda: dkd_loss(two, torch.tensor([[0.0, -torch.inf, -torch.inf]] * 2), torch.tensor([0, 0])),
        ValueError,
        "-inf at every class but its target",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
