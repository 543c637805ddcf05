"""Oracles loop over rows with Python lists; the bound and the minima are tested as the mathematics states them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import kd_loss, soften
from kdtutor.distill.sparse_targets import bytes_per_sample, nucleus_targets, sparse_kd_loss, topk_targets

RULES = ["rest", "renormalise", "spread"]
seeds = st.integers(0, 2**16)
temperatures = st.floats(0.5, 20)


def logit_pair(batch: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 3 * torch.randn(2, batch, classes, generator=generator, dtype=torch.float64)
    return student, teacher


def loss_by_hand(student, teacher, k, temperature, missing):
    total = 0.0
    for s_row, t_row in zip(student.tolist(), teacher.tolist(), strict=True):
        s = [math.exp((z - max(s_row)) / temperature) for z in s_row]
        t = [math.exp((z - max(t_row)) / temperature) for z in t_row]
        s, t = [v / sum(s) for v in s], [v / sum(t) for v in t]
        order = sorted(range(len(t)), key=lambda c: -t[c])
        kept, left = order[:k], order[k:]
        if missing == "renormalise":
            whole = sum(t[c] for c in kept)
            pairs = [(t[c] / whole, s[c]) for c in kept]
        elif missing == "rest":
            pairs = [(t[c], s[c]) for c in kept] + [(sum(t[c] for c in left), sum(s[c] for c in left))]
        else:
            pairs = [(t[c], s[c]) for c in kept] + [(sum(t[j] for j in left) / len(left), s[c]) for c in left]
        total += sum(p * math.log(p / q) for p, q in pairs if p > 0)
    return temperature**2 * total / len(student)


@given(st.integers(1, 4), st.integers(1, 8), seeds, temperatures, st.sampled_from(RULES), st.data())
def test_top_k_loss_is_the_sum_written_out_for_each_rule(batch, classes, seed, temperature, missing, data):
    k = data.draw(st.integers(1, classes))
    student, teacher = logit_pair(batch, classes, seed)
    loss = sparse_kd_loss(student, topk_targets(teacher, k, temperature, missing=missing))
    torch.testing.assert_close(
        loss.item(), loss_by_hand(student, teacher, k, temperature, missing), rtol=1e-7, atol=1e-9 * temperature**2
    )


@given(st.integers(2, 9), seeds, temperatures, st.data())
def test_with_a_rest_bucket_no_row_exceeds_the_full_divergence_and_more_classes_come_closer(
    classes, seed, temperature, data
):
    student, teacher = logit_pair(5, classes, seed)
    full = kd_loss(student, teacher, temperature, reduction="none")
    k = data.draw(st.integers(1, classes - 1))
    fewer, more = (
        sparse_kd_loss(student, topk_targets(teacher, kept, temperature), reduction="none") for kept in (k, k + 1)
    )
    slack = 1e-10 * temperature**2
    assert (fewer >= -slack).all()
    assert (fewer <= more + slack).all()
    assert (more <= full + slack).all()


def test_the_other_rules_bound_nothing():
    teacher = torch.tensor([[2.0, 1.0, 0.9, -2.0]], dtype=torch.float64)
    full_at_itself = kd_loss(teacher, teacher, 1.0)
    for missing in ("renormalise", "spread"):
        assert sparse_kd_loss(teacher, topk_targets(teacher, 2, 1.0, missing=missing)) > full_at_itself + 0.01
    far = torch.tensor([[0.0, 0.0, -30.0, 0.0]], dtype=torch.float64)
    for missing in ("renormalise", "spread"):
        assert sparse_kd_loss(far, topk_targets(teacher, 2, 1.0, missing=missing)) < kd_loss(far, teacher, 1.0)


@pytest.mark.parametrize("missing", RULES)
def test_keeping_every_class_is_the_plain_distillation_loss_in_value_and_gradient(missing):
    student, teacher = logit_pair(4, 6, 0)
    student.requires_grad_()
    plain = kd_loss(student, teacher)
    (gradient,) = torch.autograd.grad(plain, student)
    for targets in (topk_targets(teacher, 6, missing=missing), nucleus_targets(teacher, 1.0, missing=missing)):
        loss = sparse_kd_loss(student, targets)
        torch.testing.assert_close(loss, plain)
        torch.testing.assert_close(torch.autograd.grad(loss, student)[0], gradient)


@pytest.mark.parametrize("missing", RULES)
@pytest.mark.parametrize("reduction", ["batchmean", "none"])
def test_the_gradient_is_the_one_finite_differences_see_and_the_teacher_gets_none(missing, reduction):
    student, teacher = logit_pair(3, 6, 1)
    teacher.requires_grad_()
    targets = topk_targets(teacher, 2, 3.0, missing=missing)
    assert not targets.probs.requires_grad
    assert torch.autograd.gradcheck(
        lambda z: sparse_kd_loss(z, targets, reduction=reduction), student.clone().requires_grad_()
    )


def test_the_rest_rule_is_zero_for_any_student_that_shares_the_missing_mass_in_its_own_way():
    p = torch.tensor([[0.6, 0.2, 0.15, 0.05]], dtype=torch.float64)
    q = torch.tensor([[0.6, 0.2, 0.01, 0.19]], dtype=torch.float64)
    assert sparse_kd_loss(q.log(), topk_targets(p.log(), 2, 1.0)).item() == pytest.approx(0, abs=1e-12)
    assert kd_loss(q.log(), p.log(), 1.0) > 0.1
    spread = torch.tensor([[0.6, 0.2, 0.1, 0.1]], dtype=torch.float64)
    loss = sparse_kd_loss(spread.log(), topk_targets(p.log(), 2, 1.0, missing="spread"))
    assert loss.item() == pytest.approx(0, abs=1e-12)


@given(st.integers(1, 9), seeds, st.floats(0.01, 1.0))
def test_a_nucleus_is_the_shortest_head_of_the_sorted_row_that_holds_the_mass(classes, seed, mass):
    _, teacher = logit_pair(4, classes, seed)
    targets = nucleus_targets(teacher, mass, 1.0)
    for n, row in enumerate(soften(teacher, 1.0).tolist()):
        ordered, held, wanted = sorted(row, reverse=True), 0.0, []
        for p in ordered:
            if held >= mass:
                break
            wanted.append(p)
            held += p
        used = targets.probs[n] > 0
        torch.testing.assert_close(targets.probs[n][used].tolist(), wanted)
        torch.testing.assert_close(targets.rest[n].item(), 1 - sum(wanted), rtol=1e-9, atol=1e-12)
        assert all(row[c] == pytest.approx(p) for c, p in zip(targets.classes[n][used].tolist(), wanted, strict=True))


@given(seeds, st.floats(0.05, 0.999), temperatures)
def test_a_nucleus_with_a_rest_bucket_is_a_lower_bound_too(seed, mass, temperature):
    student, teacher = logit_pair(6, 7, seed)
    loss = sparse_kd_loss(student, nucleus_targets(teacher, mass, temperature), reduction="none")
    assert (loss <= kd_loss(student, teacher, temperature, reduction="none") + 1e-10 * temperature**2).all()


@pytest.mark.parametrize("missing", RULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_half_precision_follows_device_and_dtype_and_stays_close(missing, dtype, device):
    student, teacher = (z.to(device, dtype) for z in logit_pair(16, 10, 0))
    targets = topk_targets(teacher, 3, missing=missing)
    assert targets.probs.dtype == dtype
    loss = sparse_kd_loss(student, targets)
    assert loss.dtype == dtype
    assert loss.device.type == device.type
    expected = loss_by_hand(student.cpu(), teacher.cpu(), 3, 4.0, missing)
    assert loss.item() == pytest.approx(expected, rel=10 * torch.finfo(dtype).eps, abs=20 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("missing", RULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_loss_and_gradient_stay_finite_for_logits_of_ten_thousand(missing, dtype, device):
    student = torch.tensor([[1e4, -1e4, 0.0], [0.0, 0.0, 1e4]], dtype=dtype, device=device, requires_grad=True)
    for targets in (
        topk_targets(-student, 2, missing=missing),
        topk_targets(student, 3, missing=missing),
        nucleus_targets(-student, 0.4, missing=missing),
    ):
        loss = sparse_kd_loss(student, targets)
        (gradient,) = torch.autograd.grad(loss, student)
        assert loss.isfinite()
        assert gradient.isfinite().all()


def test_a_class_ruled_out_in_both_adds_nothing():
    student, teacher = logit_pair(4, 6, 3)
    never = torch.full((4, 2), -torch.inf, dtype=torch.float64)
    padded = torch.cat([student, never], 1).requires_grad_()
    for missing in ("rest", "renormalise"):
        loss = sparse_kd_loss(padded, topk_targets(torch.cat([teacher, never], 1), 3, missing=missing))
        torch.testing.assert_close(loss, sparse_kd_loss(student, topk_targets(teacher, 3, missing=missing)))
        assert torch.autograd.grad(loss, padded)[0].isfinite().all()


def test_some_samples_of_stored_targets_give_the_loss_of_those_samples():
    student, teacher = logit_pair(10, 6, 4)
    chosen = torch.tensor([7, 0, 7, 3])
    stored = topk_targets(teacher, 2)
    torch.testing.assert_close(
        sparse_kd_loss(student[chosen], stored[chosen]),
        sparse_kd_loss(student[chosen], topk_targets(teacher[chosen], 2)),
    )
    assert len(stored[2:5]) == 3


def test_bytes_per_sample_count_indices_probabilities_and_the_rest():
    _, teacher = logit_pair(5, 1000, 5)
    half = topk_targets(teacher, 8, dtype=torch.float16)
    assert bytes_per_sample(half) == 8 * (2 + 2) + 2
    held = sum(t.untyped_storage().nbytes() for t in (half.classes, half.probs, half.rest))
    assert bytes_per_sample(half) * 5 == held
    assert bytes_per_sample(topk_targets(teacher, 8, missing="renormalise", dtype=torch.float32)) == 8 * (2 + 4)
    assert bytes_per_sample(topk_targets(teacher[:, :10], 3, dtype=torch.float32)) == 3 * (1 + 4) + 4
    assert bytes_per_sample(half) < 1000 * 2 / 50


def test_ragged_bytes_count_only_the_places_in_use():
    teacher = torch.tensor([[10.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    targets = nucleus_targets(teacher, 0.9, 1.0)
    assert targets.probs.shape == (2, 4)
    assert bytes_per_sample(targets) == 4 * 5 + 4
    assert bytes_per_sample(targets, ragged=True) == (1 + 4) / 2 * 5 + 4 + 2


def test_class_indices_take_the_smallest_integer_that_holds_them():
    for classes, dtype in ((256, torch.uint8), (257, torch.int16), (32768, torch.int16), (32769, torch.int32)):
        logits = torch.zeros(1, classes)
        logits[0, -1] = 5.0
        targets = topk_targets(logits, 1)
        assert targets.classes.dtype == dtype
        assert targets.classes.long().item() == classes - 1


two_by_three = torch.zeros(2, 3)
REFUSED = [
    (lambda: topk_targets(two_by_three, 0), ValueError, "k is 0"),
    (lambda: topk_targets(two_by_three, 4), ValueError, "k is 4: with 3 classes it needs to be 1 to 3"),
    (lambda: topk_targets(two_by_three, 1.5), TypeError, "k is 1.5: a whole number"),
    (lambda: topk_targets(two_by_three, 1, 0.0), ValueError, "temperature is 0.0"),
    (lambda: topk_targets(two_by_three, 1, missing="drop"), ValueError, "missing is 'drop'"),
    (lambda: topk_targets(two_by_three, 1, dtype=torch.int8), TypeError, "dtype is int8"),
    (lambda: topk_targets(two_by_three.long(), 1), TypeError, "teacher_logits has dtype int64"),
    (lambda: topk_targets(two_by_three[0], 1), ValueError, r"teacher_logits has shape \(3,\)"),
    (lambda: topk_targets(two_by_three * torch.nan, 1), ValueError, "teacher_logits holds NaN"),
    (lambda: nucleus_targets(two_by_three, 0.0), ValueError, "mass is 0.0"),
    (lambda: nucleus_targets(two_by_three, 1.1), ValueError, "mass is 1.1"),
    (
        lambda: sparse_kd_loss(torch.zeros(2, 4), topk_targets(two_by_three, 1)),
        ValueError,
        r"student_logits has shape \(2, 4\), the targets describe \(N, C\) = \(2, 3\)",
    ),
    (
        lambda: sparse_kd_loss(two_by_three, topk_targets(two_by_three, 1), reduction="mean"),
        ValueError,
        "reduction is 'mean'",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
