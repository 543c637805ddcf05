"""Oracles form every probability explicitly, in float64, one sample at a time; laws come from the mathematics."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kdtutor.distill import distillation_loss, entropy, kd_loss, kl_divergence, soften
from tests.distill.logit_pairs import logit_pair, pairs, temperatures

DIRECTIONS = ["forward", "reverse", "js"]


def softmax_by_hand(row: list[float], temperature: float) -> list[float]:
    top = max(row)
    powers = [math.exp((z - top) / temperature) for z in row]
    return [power / sum(powers) for power in powers]


def kl_by_hand(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def kd_by_hand(student: Tensor, teacher: Tensor, temperature: float, direction: str) -> float:
    total = 0.0
    for s_row, t_row in zip(student.tolist(), teacher.tolist(), strict=True):
        s, t = softmax_by_hand(s_row, temperature), softmax_by_hand(t_row, temperature)
        m = [(a + b) / 2 for a, b in zip(s, t, strict=True)]
        total += {
            "forward": kl_by_hand(t, s),
            "reverse": kl_by_hand(s, t),
            "js": (kl_by_hand(t, m) + kl_by_hand(s, m)) / 2,
        }[direction]
    return temperature**2 * total / len(student)


@given(pairs, temperatures, st.sampled_from(DIRECTIONS))
def test_kd_loss_equals_the_sum_formed_sample_by_sample(pair, temperature, direction):
    expected = kd_by_hand(*pair, temperature, direction)
    torch.testing.assert_close(kd_loss(*pair, temperature, direction=direction).item(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_kd_loss_in_lower_precision_follows_device_and_dtype(direction, dtype, device):
    student, teacher = (z.to(device, dtype) for z in logit_pair(16, 10, 0))
    loss = kd_loss(student, teacher, direction=direction)
    assert loss.dtype == dtype
    assert loss.device.type == device.type
    expected = kd_by_hand(student.cpu(), teacher.cpu(), 4.0, direction)
    torch.testing.assert_close(loss.item(), expected, rtol=3 * torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kd_loss_agrees_with_torch_kl_div_in_value_and_gradient(temperature):
    student, teacher = logit_pair(8, 10, 1)
    student.requires_grad_()
    theirs = temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, -1), F.softmax(teacher / temperature, -1), reduction="batchmean"
    )
    ours = kd_loss(student, teacher, temperature)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, student), torch.autograd.grad(theirs, student))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_kd_loss_has_the_gradient_that_finite_differences_see(direction):
    student, teacher = logit_pair(3, 5, 2)
    weights = torch.rand(5, dtype=torch.float64)
    for class_weights in (None, weights):
        for reduction in ("batchmean", "none"):
            assert torch.autograd.gradcheck(
                lambda z, w=class_weights, r=reduction: kd_loss(
                    z, teacher, 2.0, direction=direction, class_weights=w, reduction=r
                ),
                student.clone().requires_grad_(),
            )


@given(pairs, temperatures, st.sampled_from(DIRECTIONS), st.floats(-50, 50))
def test_kd_loss_is_zero_at_equality_and_blind_to_row_shifts(pair, temperature, direction, shift):
    student, teacher = pair
    assert abs(kd_loss(student + shift, student, temperature, direction=direction).item()) < 1e-9 * temperature**2
    torch.testing.assert_close(
        kd_loss(student + shift, teacher - shift, temperature, direction=direction),
        kd_loss(student, teacher, temperature, direction=direction),
        rtol=1e-7,
        atol=1e-7,
    )


@given(pairs)
def test_kd_loss_tends_to_half_the_mean_squared_difference_of_centred_logits_as_temperature_grows(pair):
    student, teacher = (z - z.mean(-1, keepdim=True) for z in pair)
    limit = ((student - teacher) ** 2).sum(-1).mean() / (2 * student.shape[1])
    torch.testing.assert_close(kd_loss(student, teacher, 1e4), limit, rtol=1e-2, atol=1e-6)


@given(pairs, temperatures)
def test_js_is_symmetric_and_at_most_log_two(pair, temperature):
    student, teacher = pair
    forth = kd_loss(student, teacher, temperature, direction="js")
    back = kd_loss(teacher, student, temperature, direction="js")
    torch.testing.assert_close(forth, back, rtol=1e-6, atol=1e-9)
    assert forth <= temperature**2 * math.log(2) * (1 + 1e-12)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_kd_loss_and_gradient_stay_finite_for_logits_of_ten_thousand(direction, dtype, device):
    student = torch.tensor([[1e4, -1e4, 0.0], [0.0, 0.0, 1e4]], dtype=dtype, device=device, requires_grad=True)
    loss = kd_loss(student, -student.detach(), 4.0, direction=direction)
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_class_ruled_out_by_minus_infinity_in_both_adds_nothing(direction):
    student, teacher = logit_pair(4, 6, 3)
    padding = torch.full((4, 2), -torch.inf, dtype=torch.float64)
    padded = torch.cat([student, padding], 1).requires_grad_()
    loss = kd_loss(padded, torch.cat([teacher, padding], 1), direction=direction)
    torch.testing.assert_close(loss, kd_loss(student, teacher, direction=direction))
    loss.backward()
    assert padded.grad.isfinite().all()


def test_only_the_student_receives_a_gradient():
    student, teacher = (z.requires_grad_() for z in logit_pair(4, 3, 4))
    kd_loss(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_the_gradient_survives_a_change_of_temperature_only_with_the_squared_factor():
    student, teacher = logit_pair(64, 10, 0)
    student.requires_grad_()
    norms = {T: torch.autograd.grad(kd_loss(student, teacher, T), student)[0].norm().item() for T in (1.0, 4.0, 20.0)}
    assert max(norms.values()) < 2 * min(norms.values())
    assert norms[20.0] / 400 < norms[1.0] / 100


def test_class_weights_move_the_minimum_to_the_weighted_teacher():
    _, teacher = logit_pair(1, 4, 5)
    weights = torch.tensor([1.0, 5.0, 0.5, 2.0], dtype=torch.float64)
    wanted = weights * soften(teacher, 1.0)
    student = (wanted / wanted.sum()).log().requires_grad_()
    kd_loss(student, teacher, 1.0, class_weights=weights).backward()
    torch.testing.assert_close(student.grad, torch.zeros_like(student), rtol=0, atol=1e-12)


def test_reductions_are_the_sum_the_mean_and_the_rows_themselves():
    student, teacher = logit_pair(5, 4, 6)
    rows = kd_loss(student, teacher, reduction="none")
    assert rows.shape == (5,)
    torch.testing.assert_close(rows.sum(), kd_loss(student, teacher, reduction="sum"))
    torch.testing.assert_close(rows.mean(), kd_loss(student, teacher))


@given(pairs, st.floats(0.0, 1.0))
def test_distillation_loss_moves_from_labels_to_teacher_as_alpha_grows(pair, alpha):
    student, teacher = pair
    labels = teacher.argmax(-1)
    hard = -sum(
        math.log(softmax_by_hand(row, 1.0)[y]) for row, y in zip(student.tolist(), labels.tolist(), strict=True)
    )
    expected = (1 - alpha) * hard / len(student) + alpha * kd_by_hand(student, teacher, 4.0, "forward")
    torch.testing.assert_close(
        distillation_loss(student, teacher, labels, 4.0, alpha).item(), expected, rtol=1e-9, atol=1e-9
    )


@given(pairs, temperatures)
def test_soften_keeps_the_order_and_raises_the_entropy_with_the_temperature(pair, temperature):
    logits, _ = pair
    cool, warm = soften(logits, temperature), soften(logits, 2 * temperature)
    expected = torch.tensor([softmax_by_hand(row, temperature) for row in logits.tolist()], dtype=torch.float64)
    torch.testing.assert_close(cool, expected)
    assert (entropy(warm) >= entropy(cool) - 1e-12).all()


@given(pairs)
def test_entropy_lies_between_zero_and_log_of_the_classes_and_cross_entropy_splits(pair):
    p, q = (soften(z, 1.0) for z in pair)
    assert (entropy(p) >= 0).all()
    assert (entropy(p) <= math.log(p.shape[1]) + 1e-12).all()
    torch.testing.assert_close(entropy(p) + kl_divergence(p, q), -(p * q.log()).sum(-1))


def test_kl_divergence_handles_impossible_classes_by_their_limits():
    p, q = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    assert kl_divergence(p, q).item() == math.inf
    assert kl_divergence(q, p).item() == pytest.approx(math.log(2))
    assert entropy(q).item() == 0


def test_the_article_s_two_distributions_give_the_values_its_text_confuses():
    teacher, student = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.6, 0.3, 0.1])
    assert entropy(teacher).item() == pytest.approx(0.6390, abs=5e-5)
    assert kl_divergence(teacher, student).item() == pytest.approx(0.1203, abs=5e-5)
    assert kl_divergence(student, teacher).item() == pytest.approx(0.1570, abs=5e-5)


two_by_three = torch.zeros(2, 3)
REFUSED = [
    (
        lambda: kd_loss(torch.zeros(8, 10), torch.zeros(8, 9)),
        ValueError,
        r"teacher_logits has shape \(8, 9\), student_logits \(8, 10\): both need \(N, C\)",
    ),
    (lambda: kd_loss(torch.zeros(10), torch.zeros(10)), ValueError, r"both need \(N, C\)"),
    (lambda: kd_loss(torch.zeros(0, 3), torch.zeros(0, 3)), ValueError, "at least one sample"),
    (lambda: kd_loss(two_by_three.long(), two_by_three), TypeError, "student_logits has dtype int64"),
    (lambda: kd_loss([[0.0]], two_by_three), TypeError, "student_logits is a list"),
    (lambda: kd_loss(two_by_three, two_by_three, 0.0), ValueError, "temperature is 0.0"),
    (lambda: kd_loss(two_by_three, two_by_three, -1), ValueError, "temperature is -1"),
    (lambda: kd_loss(two_by_three, two_by_three, "4"), TypeError, "temperature is a str"),
    (lambda: kd_loss(two_by_three, two_by_three * torch.nan), ValueError, "teacher_logits holds NaN in 6 of 6"),
    (lambda: kd_loss(two_by_three, two_by_three, direction="backward"), ValueError, "direction is 'backward'"),
    (lambda: kd_loss(two_by_three, two_by_three, reduction="mean"), ValueError, "reduction is 'mean'"),
    (
        lambda: kd_loss(two_by_three, two_by_three, class_weights=torch.ones(2)),
        ValueError,
        r"class_weights has shape \(2,\)",
    ),
    (lambda: kd_loss(two_by_three, two_by_three, class_weights=-torch.ones(3)), ValueError, "negative weight"),
    (lambda: distillation_loss(two_by_three, two_by_three, torch.zeros(2)), TypeError, "labels is float32"),
    (lambda: distillation_loss(two_by_three, two_by_three, torch.tensor([0, 3])), ValueError, "0 to 2"),
    (lambda: distillation_loss(two_by_three, two_by_three, torch.tensor([0])), ValueError, r"labels need \(N,\)"),
    (lambda: distillation_loss(two_by_three, two_by_three, torch.tensor([0, 1]), 4.0, 1.5), ValueError, "alpha is 1.5"),
    (lambda: soften(torch.tensor(1.0), 1.0), ValueError, "last axis holds the classes"),
    (lambda: soften(torch.tensor([torch.nan]), 1.0), ValueError, "logits holds NaN"),
    (lambda: entropy(torch.tensor([2.0, -1.0])), ValueError, "are these logits"),
    (lambda: entropy(torch.tensor([0.5, 0.6])), ValueError, "sums to 1.1"),
    (lambda: kl_divergence(torch.tensor([[1.0]]), torch.tensor([0.5, 0.5])), ValueError, "same shape"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    "loss",
    [
        distillation_loss,
        lambda s, t, y, **k: kd_loss(s, t, **k),
        lambda s, t, y, **k: kd_loss(s, t, class_weights=torch.arange(5.0), **k),
    ],
    ids=["distillation_loss", "kd_loss", "kd_loss, weighted classes"],
)
def test_the_losses_marked_as_means_of_rows_are_that_and_a_row_s_value_is_its_own(loss):
    assert distillation_loss.mean_of_rows
    assert kd_loss.mean_of_rows
    student, teacher = logit_pair(6, 5, 1)
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    rows = loss(student, teacher, labels, reduction="none")
    assert rows.shape == (6,)
    torch.testing.assert_close(loss(student, teacher, labels), rows.mean())
    alone = [loss(student[i : i + 1], teacher[i : i + 1], labels[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(torch.stack(alone), rows)
