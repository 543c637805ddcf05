"""Each library's formula is stated anew from its source, term by term, and must equal our loss once translated."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import (
    attention_loss,
    dist_loss,
    distillation_loss,
    generalized_js,
    kd_loss,
    rkd_angle_loss,
    rkd_distance_loss,
    standardize_logits,
)
from kdtutor.distill import conventions as c


def batch(rows=6, classes=5, seed=0, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (scale * torch.randn(rows, classes, generator=generator, dtype=torch.float64) for _ in "st")
    return student.requires_grad_(), teacher, torch.randint(classes, (rows,), generator=generator)


def ours(translation, student, teacher, labels):
    return translation.scale * distillation_loss(student, teacher, labels, translation.temperature, translation.alpha)


def kl_sum(student, teacher, T):
    """Σ over rows and classes of p_t log(p_t / p_s), from explicit probabilities."""
    p_s, p_t = ((z / T).exp() / (z / T).exp().sum(1, keepdim=True) for z in (student, teacher))
    return (p_t * (p_t / p_s).log()).sum()


def cross_entropy(student, labels):
    p = student.exp() / student.exp().sum(1, keepdim=True)
    return -sum(p[i, y].log() for i, y in enumerate(labels.tolist())) / len(labels)


def same_loss_and_gradient(theirs, mine, student, **tolerance):
    torch.testing.assert_close(mine, theirs, **tolerance)
    torch.testing.assert_close(
        torch.autograd.grad(mine, student)[0], torch.autograd.grad(theirs, student)[0], **tolerance
    )


seeds, temperatures, weights = st.integers(0, 10**6), st.floats(0.8, 10), st.floats(0.01, 3)


@given(seeds, temperatures, weights, weights)
def test_repdistiller_sums_and_divides_by_the_batch(seed, T, gamma, alpha):
    student, teacher, labels = batch(seed=seed)
    theirs = gamma * cross_entropy(student, labels) + alpha * kl_sum(student, teacher, T) * T**2 / len(student)
    same_loss_and_gradient(theirs, ours(c.from_repdistiller(gamma, alpha, T), student, teacher, labels), student)


@given(seeds, temperatures, weights, weights)
def test_mdistiller_averages_the_rows_sums(seed, T, ce_weight, kd_weight):
    student, teacher, labels = batch(seed=seed)
    rows = torch.stack([kl_sum(s[None], t[None], T) for s, t in zip(student, teacher, strict=True)])
    theirs = ce_weight * cross_entropy(student, labels) + kd_weight * (rows.mean() * T**2)
    same_loss_and_gradient(theirs, ours(c.from_mdistiller(ce_weight, kd_weight, T), student, teacher, labels), student)


@given(
    seeds, temperatures, st.floats(0, 1), st.one_of(st.none(), weights), st.sampled_from(["batchmean", "mean", "sum"])
)
def test_torchdistill_weighs_the_cross_entropy_by_alpha_and_drops_t_squared_at_zero(seed, T, alpha, beta, reduction):
    student, teacher, labels = batch(seed=seed)
    N, C = student.shape
    soft = kl_sum(student, teacher, T) / {"batchmean": N, "mean": N * C, "sum": 1}[reduction]
    hard = cross_entropy(student, labels) * (N if reduction == "sum" else 1)
    b = 1 - alpha if beta is None else beta
    theirs = soft if alpha == 0 else alpha * hard + b * T**2 * soft
    translation = c.from_torchdistill(T, alpha, beta, reduction=reduction, classes=C, batch=N)
    same_loss_and_gradient(theirs, ours(translation, student, teacher, labels), student)


def test_torchdistills_alpha_is_the_complement_of_ours_and_its_loss_jumps_by_t_squared_at_zero():
    assert c.from_torchdistill(4.0, 0.1) == c.Translation(4.0, 0.9, 1.0)
    before, at = c.from_torchdistill(4.0, 1e-9), c.from_torchdistill(4.0, 0.0)
    assert before.scale * before.alpha == pytest.approx(16 * at.scale * at.alpha)


@given(seeds, temperatures, st.floats(0, 1))
def test_deit_divides_by_the_classes_too(seed, tau, alpha):
    student, teacher, labels = batch(seed=seed)
    theirs = (1 - alpha) * cross_entropy(student, labels) + alpha * kl_sum(
        student, teacher, tau
    ) * tau**2 / student.numel()
    same_loss_and_gradient(theirs, ours(c.from_deit(5, alpha, tau), student, teacher, labels), student)


def kd_lib(student, teacher, labels, w, T):
    p_s, p_t = ((z / T).exp() / (z / T).exp().sum(1, keepdim=True) for z in (student, teacher))
    return (1 - w) * cross_entropy(student, labels) + w * T**2 * ((p_t - p_s) ** 2).sum() / student.numel()


@given(seeds, st.floats(0, 1))
def test_kd_libs_squared_probabilities_become_ours_as_the_temperature_grows(seed, w):
    student, teacher, labels = batch(seed=seed)
    translation = c.from_kd_lib(5, w, 1e4)
    assert not translation.exact
    theirs = kd_lib(student, teacher, labels, w, 1e4)
    same_loss_and_gradient(theirs, ours(translation, student, teacher, labels), student, rtol=3e-3, atol=3e-5)


def test_at_kd_libs_default_temperature_the_gradients_are_a_sixth_apart_and_at_one_worlds():
    errors = []
    for T in (20.0, 1.0):
        student, teacher, labels = batch(200, 10)
        mine = ours(c.from_kd_lib(10, 1.0, T), student, teacher, labels)
        theirs = kd_lib(student, teacher, labels, 1.0, T)
        a, b = (torch.autograd.grad(loss, student)[0] for loss in (mine, theirs))
        errors.append(((a - b).norm() / b.norm()).item())
    assert 0.12 < errors[0] < 0.2
    assert errors[1] > 0.5


@given(seeds, temperatures, weights, weights, st.integers(2, 9))
def test_logit_standardisation_with_divisor_c_minus_one_is_a_higher_temperature_of_ours(seed, T, ce, kd, classes):
    student, teacher, labels = batch(classes=classes, seed=seed)
    z_s, z_t = ((z - z.mean(-1, keepdim=True)) / z.std(-1, keepdim=True) for z in (student, teacher))
    theirs = ce * cross_entropy(student, labels) + kd * kl_sum(z_s, z_t, T) * T**2 / len(student)
    t = c.from_logit_standardization(classes, ce, kd, T)
    mine = t.scale * (
        (1 - t.alpha) * F.cross_entropy(student, labels)
        + t.alpha * kd_loss(standardize_logits(student), standardize_logits(teacher), t.temperature)
    )
    same_loss_and_gradient(theirs, mine, student, rtol=1e-6, atol=1e-9)


@given(seeds, temperatures, st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_trl_mixes_with_beta_on_the_teacher_averages_the_labelled_tokens_and_has_no_t_squared(seed, T, beta):
    student, teacher, _ = batch(6, 5, seed)
    labels = torch.tensor([[3, -100, 1], [-100, 0, 2]])
    p_s, p_t = (((z / T).exp() / (z / T).exp().sum(1, keepdim=True)).view(2, 3, 5) for z in (student, teacher))
    m = beta * p_t + (1 - beta) * p_s
    if beta == 0:
        per_class = p_t * (p_t / p_s).log()
    elif beta == 1:
        per_class = p_s * (p_s / p_t).log()
    else:
        per_class = beta * p_t * (p_t / m).log() + (1 - beta) * p_s * (p_s / m).log()
    theirs = per_class[labels != -100].sum() / (labels != -100).sum()
    mine = c.trl_scale(T) * generalized_js(student.view(2, 3, 5), teacher.view(2, 3, 5), beta, T, mask=labels != -100)
    same_loss_and_gradient(theirs, mine, student)


def test_torchdistills_dist_carries_t_squared():
    student, teacher, _ = batch()
    p, q = (F.softmax(z / 4, 1) for z in (student, teacher))
    r = [F.cosine_similarity(a - a.mean(1, True), b - b.mean(1, True)).mean() for a, b in ((p, q), (p.T, q.T))]
    theirs = 4.0**2 * (2 * (1 - r[0]) + 3 * (1 - r[1]))
    same_loss_and_gradient(theirs, c.dist_scale(4.0) * dist_loss(student, teacher, 4.0, 2.0, 3.0), student)


def test_the_slopes_of_both_attention_losses_stand_in_the_stated_ratio():
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(1, 4, 3, 5, generator=generator, dtype=torch.float64) for _ in "st")
    student.requires_grad_()
    paper = attention_loss(student, teacher)
    slopes = [torch.autograd.grad(attention_loss(student, teacher, form=f), student)[0] for f in ("code", "paper")]
    torch.testing.assert_close(slopes[0], c.attention_code_over_paper(paper.item(), 15) * slopes[1])


@pytest.mark.parametrize("N", [3, 4, 9])
def test_the_authors_rkd_averages_the_degenerate_pairs_and_triplets_too(N):
    student, teacher, _ = batch(N)
    d_s, d_t = (torch.cdist(x, x) for x in (student, teacher))
    theirs = F.smooth_l1_loss(d_s / d_s[d_s > 0].mean(), d_t / d_t[d_t > 0].mean())
    torch.testing.assert_close(c.rkd_distance_factor(N) * rkd_distance_loss(student, teacher), theirs)
    sides = [F.normalize(x.unsqueeze(0) - x.unsqueeze(1), dim=2) for x in (student, teacher)]
    theirs = F.smooth_l1_loss(*(e @ e.mT for e in sides))
    torch.testing.assert_close(c.rkd_angle_factor(N) * rkd_angle_loss(student, teacher), theirs)


def test_weights_become_alpha_and_scale():
    assert c.from_weights(1.0, 3.0, 2.0) == c.Translation(2.0, 0.75, 4.0)
    assert c.from_repdistiller() == c.Translation(4.0, 0.0, 1.0)
    assert c.from_mdistiller() == c.Translation(4.0, 0.9, 1.0)
    assert c.from_deit(1000).alpha == pytest.approx(0.5 / 1000 / (0.5 + 0.5 / 1000))
    assert c.trl_scale() == 1.0


REFUSED = [
    (lambda: c.from_weights(0.0, 0.0, 4.0), ValueError, "both 0"),
    (lambda: c.from_weights(-1.0, 1.0, 4.0), ValueError, "label_weight is -1.0"),
    (lambda: c.from_repdistiller(temperature=0.0), ValueError, "temperature is 0.0"),
    (lambda: c.from_torchdistill(4.0, 0.5, reduction="mean"), ValueError, "classes is missing"),
    (lambda: c.from_torchdistill(4.0, 0.5, reduction="sum"), ValueError, "batch is missing"),
    (lambda: c.from_torchdistill(4.0, 0.5, reduction="none"), ValueError, "reduction is 'none'"),
    (lambda: c.from_deit(10, 1.5), ValueError, "alpha is 1.5"),
    (lambda: c.from_deit(10.5), TypeError, "classes is a float"),
    (lambda: c.from_kd_lib(10, math.nan), ValueError, "distil_weight is nan"),
    (lambda: c.from_logit_standardization(1, 1.0, 1.0, 2.0), ValueError, "classes is 1"),
    (lambda: c.rkd_angle_factor(0), ValueError, "batch is 0"),
    (lambda: c.attention_code_over_paper(0.0, 4), ValueError, "distance is 0.0"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
