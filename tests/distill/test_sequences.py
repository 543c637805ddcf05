"""The oracle mixes explicit probabilities, token by token; the laws at the ends come from the limits of D_β."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import generalized_js, kd_loss


def pair(batch, length, vocabulary, seed, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(scale * torch.randn(batch, length, vocabulary, generator=generator).double() for _ in "st")


def divergence_by_hand(s_row, t_row, beta, temperature):
    s, t = ([math.exp(z / temperature) for z in row] for row in (s_row, t_row))
    s, t = ([e / sum(row) for e in row] for row in (s, t))
    m = [beta * b + (1 - beta) * a for a, b in zip(s, t, strict=True)]
    kl = lambda p, q: sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))  # noqa: E731
    if beta in (0, 1):
        return kl(t, s) if beta == 0 else kl(s, t)
    return beta * kl(t, m) + (1 - beta) * kl(s, m)


pairs = st.builds(pair, st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(0, 10**6))


@given(pairs, st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.floats(0.7, 4.0), st.data())
def test_the_mean_over_the_tokens_that_count_equals_the_sum_by_hand(pair, beta, temperature, data):
    student, teacher = pair
    tokens = student.shape[0] * student.shape[1]
    mask = torch.tensor(data.draw(st.lists(st.booleans(), min_size=tokens, max_size=tokens))).view(student.shape[:2])
    values = [
        divergence_by_hand(s, t, beta, temperature)
        for s, t, counts in zip(
            student.flatten(0, 1).tolist(), teacher.flatten(0, 1).tolist(), mask.flatten().tolist(), strict=True
        )
        if counts
    ]
    wanted = temperature**2 * sum(values) / max(1, len(values))
    ours = generalized_js(student, teacher, beta, temperature, mask=mask)
    assert ours.item() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(pairs, st.floats(0.7, 4.0))
def test_its_ends_and_its_middle_are_the_three_directions_of_kd_loss(pair, temperature):
    flat = [z.flatten(0, 1) for z in pair]
    for beta, direction in ((0.0, "forward"), (1.0, "reverse"), (0.5, "js")):
        torch.testing.assert_close(
            generalized_js(*pair, beta, temperature), kd_loss(*flat, temperature, direction=direction)
        )


def test_tokens_are_averaged_so_that_doubling_the_length_changes_nothing():
    student, teacher = pair(2, 5, 7, 0)
    twice = [torch.cat([z, z], 1) for z in (student, teacher)]
    torch.testing.assert_close(generalized_js(*twice), generalized_js(student, teacher))


def test_the_divergence_itself_vanishes_towards_the_ends_and_its_continuous_form_reaches_the_kls():
    student, teacher = pair(1, 1, 8, 1, scale=1.0)
    for end, near in ((0.0, 1e-4), (1.0, 1 - 1e-4)):
        kl = generalized_js(student, teacher, end).item()
        assert generalized_js(student, teacher, near).item() < 2e-4 * kl
        assert generalized_js(student, teacher, near, continuous=True).item() == pytest.approx(kl, rel=2e-2)
        assert generalized_js(student, teacher, end, continuous=True).item() == kl
    gaps = [
        abs(generalized_js(student, teacher, b, continuous=True) - generalized_js(student, teacher, 0.0)).item()
        for b in (1e-1, 1e-2, 1e-3)
    ]
    assert gaps[0] > 5 * gaps[1] > 25 * gaps[2]


def test_in_float32_the_continuous_form_keeps_three_digits_a_hundredth_from_the_ends():
    student, teacher = pair(2, 4, 50, 2)
    for beta in (0.01, 0.99):
        exact = generalized_js(student, teacher, beta, continuous=True)
        ours = generalized_js(student.float(), teacher.float(), beta, continuous=True)
        torch.testing.assert_close(ours.double(), exact, rtol=1e-3, atol=0)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_a_batch_with_every_token_masked_is_exactly_zero_with_zero_gradient(beta, device):
    student, teacher = (z.to(device) for z in pair(2, 3, 4, 3))
    student.requires_grad_()
    loss = generalized_js(student, teacher, beta, mask=torch.zeros(2, 3, dtype=torch.bool, device=device))
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max().item() == 0


def test_what_stands_at_a_masked_token_has_no_influence_not_even_nan():
    student, teacher = pair(2, 3, 4, 4)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    wanted = generalized_js(student, teacher, mask=mask)
    spoiled, other = (torch.where(mask.unsqueeze(-1), z, torch.nan) for z in (student, teacher))
    spoiled.requires_grad_()
    loss = generalized_js(spoiled, other, mask=mask)
    loss.backward()
    torch.testing.assert_close(loss, wanted)
    assert spoiled.grad.isfinite().all()
    assert spoiled.grad[~mask].abs().max() == 0


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_a_vocabulary_padded_with_minus_infinity_changes_nothing_where_a_zero_would(beta):
    student, teacher = pair(2, 3, 4, 5, scale=0.5)
    wanted = generalized_js(student, teacher, beta)
    padding = torch.full((2, 3, 2), -torch.inf, dtype=torch.float64)
    padded = torch.cat([student, padding], -1).requires_grad_()
    loss = generalized_js(padded, torch.cat([teacher, padding], -1), beta)
    loss.backward()
    torch.testing.assert_close(loss, wanted)
    assert padded.grad.isfinite().all()
    with_zeros = [torch.cat([z, torch.zeros_like(padding)], -1) for z in (student, teacher)]
    assert abs(generalized_js(*with_zeros, beta) - wanted) > 0.1 * wanted


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_stays_finite_for_logits_of_ten_thousand_and_in_half_precision(beta, dtype, device):
    student = torch.tensor([[[1e4, -1e4, 0.0]]], dtype=dtype, device=device, requires_grad=True)
    loss = generalized_js(student, -student.detach(), beta)
    loss.backward()
    assert loss.dtype == dtype
    assert loss.isfinite()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_it_has_the_gradient_that_finite_differences_see_and_spares_the_teacher(beta):
    student, teacher = pair(2, 2, 4, 6)
    assert torch.autograd.gradcheck(
        lambda z: generalized_js(z, teacher, beta, 2.0, continuous=True), student.requires_grad_()
    )
    teacher.requires_grad_()
    generalized_js(student, teacher, beta).backward()
    assert teacher.grad is None


cube = torch.zeros(2, 3, 4)
REFUSED = [
    (lambda: generalized_js(cube, cube[:, :2]), ValueError, r"teacher_logits has shape \(2, 2, 4\).*\(B, L, V\)"),
    (lambda: generalized_js(cube[0], cube[0]), ValueError, r"both need \(B, L, V\)"),
    (lambda: generalized_js(cube, cube, 1.5), ValueError, "beta is 1.5"),
    (lambda: generalized_js(cube, cube, 0.5, 0.0), ValueError, "temperature is 0.0"),
    (lambda: generalized_js(cube, cube, mask=torch.ones(2, 3)), TypeError, "mask is float32"),
    (lambda: generalized_js(cube, cube, mask=torch.ones(2, 4) > 0), ValueError, r"mask has shape \(2, 4\)"),
    (lambda: generalized_js(cube * torch.nan, cube), ValueError, "student_logits holds NaN"),
    (lambda: generalized_js(cube.int(), cube), TypeError, "student_logits has dtype int32"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
