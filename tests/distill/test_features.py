"""Oracles visit every sample, channel and position in turn."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import Regressor, attention_loss, attention_map, hint_loss


def maps(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attention_by_hand(sample, power):
    energy = [
        sum(abs(channel[i][j]) ** power for channel in sample)
        for i in range(len(sample[0]))
        for j in range(len(sample[0][0]))
    ]
    length = math.sqrt(sum(e * e for e in energy))
    return [e / length for e in energy]


shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))


@given(shapes, st.integers(0, 10**6), st.sampled_from([1.0, 2.0, 3.0, 4.0]))
def test_an_attention_map_is_the_channels_power_sum_at_unit_length(shape, seed, power):
    features = maps(*shape, seed=seed)
    ours = attention_map(features, power)
    assert ours.shape == (shape[0], shape[2] * shape[3])
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(shape[0], dtype=torch.float64))
    for row, sample in zip(ours.tolist(), features.tolist(), strict=True):
        assert row == pytest.approx(attention_by_hand(sample, power))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_attention_maps_do_not_depend_on_the_features_size_even_in_half_precision(size, dtype, device):
    features = maps(2, 3, 4, 4).to(device)
    ours = attention_map((size * features).to(dtype))
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.double(), attention_map(features), rtol=0, atol=4 * torch.finfo(dtype).eps)


def test_a_layer_that_is_silent_attends_to_nothing_and_passes_a_zero_gradient(device):
    features = torch.zeros(2, 3, 2, 2, device=device, requires_grad=True)
    attention_loss(features, torch.ones(2, 5, 2, 2, device=device)).backward()
    assert attention_map(features).abs().max() == 0
    assert features.grad.abs().max() == 0


@given(shapes, st.integers(1, 5), st.integers(0, 10**6))
def test_attention_loss_is_the_papers_distance_or_the_codes_mean_square(shape, channels, seed):
    student, teacher = maps(*shape, seed=seed), maps(shape[0], channels, *shape[2:], seed=seed + 1)
    distances = [
        math.dist(attention_by_hand(s, 2), attention_by_hand(t, 2))
        for s, t in zip(student.tolist(), teacher.tolist(), strict=True)
    ]
    positions = shape[2] * shape[3]
    assert attention_loss(student, teacher).item() == pytest.approx(sum(distances) / len(distances), abs=1e-12)
    code = sum(d * d / positions for d in distances) / len(distances)
    assert attention_loss(student, teacher, form="code").item() == pytest.approx(code, abs=1e-12)


def test_paper_and_code_differ_by_the_positions_over_the_distance_hundreds_of_times_on_usual_maps():
    student, teacher = maps(1, 64, 8, 8, seed=1), maps(1, 64, 8, 8, seed=2)
    paper, code = attention_loss(student, teacher), attention_loss(student, teacher, form="code")
    assert (paper / code).item() == pytest.approx(64 / paper.item())
    assert 200 < paper / code < 1000


@pytest.mark.parametrize("form", ["paper", "code"])
def test_attention_loss_is_zero_at_equality_with_a_zero_gradient_and_is_blind_to_scale_and_channel_order(form):
    features = maps(3, 4, 2, 3).requires_grad_()
    loss = attention_loss(features, features.detach(), form=form)
    loss.backward()
    assert loss.item() == 0
    assert features.grad.abs().max() == 0
    other = maps(3, 2, 2, 3, seed=5)
    torch.testing.assert_close(
        attention_loss(-7 * features.flip(1), other, form=form), attention_loss(features, other, form=form)
    )


def test_maps_of_different_size_meet_at_the_smaller_by_averaging_energy():
    student, teacher = maps(2, 3, 4, 4), maps(2, 5, 2, 2, seed=1)
    energy = student.square().sum(1).view(2, 2, 2, 2, 2).mean((2, 4)).flatten(1)
    wanted = (energy / energy.norm(dim=1, keepdim=True) - attention_map(teacher)).norm(dim=1).mean()
    torch.testing.assert_close(attention_loss(student, teacher), wanted)
    torch.testing.assert_close(attention_loss(teacher, student), wanted)


@pytest.mark.parametrize("form", ["paper", "code"])
@pytest.mark.parametrize("power", [2.0, 3.0])
def test_attention_loss_has_the_gradient_that_finite_differences_see_and_spares_the_teacher(form, power):
    student, teacher = maps(2, 3, 4, 2).requires_grad_(), maps(2, 2, 2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: attention_loss(x, teacher.detach(), power, form=form), student)
    attention_loss(student, teacher, form=form).backward()
    assert teacher.grad is None


@given(shapes, st.integers(0, 10**6))
def test_hint_loss_is_the_mean_of_all_squared_differences(shape, seed):
    student, teacher = maps(*shape, seed=seed).requires_grad_(), maps(*shape, seed=seed + 1).requires_grad_()
    differences = [a - b for a, b in zip(student.flatten().tolist(), teacher.flatten().tolist(), strict=True)]
    loss = hint_loss(student, teacher)
    assert loss.item() == pytest.approx(sum(d * d for d in differences) / len(differences))
    loss.backward()
    torch.testing.assert_close(student.grad, 2 * (student - teacher).detach() / len(differences))
    assert teacher.grad is None


def test_hint_loss_squares_in_float32_what_comes_in_float16():
    student = torch.full((2, 3), 200.0, dtype=torch.float16)
    assert hint_loss(student, -student + 300).item() == 1e4
    assert hint_loss(student, -student + 100).item() == math.inf


def test_a_regressor_is_a_linear_layer_for_rows_and_a_one_by_one_convolution_for_maps(device):
    regressor = Regressor(3, 5).to(device, torch.float64)
    rows, images = maps(4, 3).to(device), maps(4, 3, 2, 6).to(device)
    torch.testing.assert_close(regressor(rows), F.linear(rows, regressor.weight, regressor.bias))
    torch.testing.assert_close(regressor(images), F.conv2d(images, regressor.weight[:, :, None, None], regressor.bias))
    assert regressor(images).shape == (4, 5, 2, 6)


def test_a_regressor_learns_a_linear_hint_and_starts_from_its_generator_alone():
    before = torch.get_rng_state()
    first, second = (Regressor(3, 5, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.weight, second.weight)
    assert first.weight.abs().max() <= 3**-0.5
    student = maps(64, 3).float()
    teacher = F.linear(student, maps(5, 3, seed=3).float())
    optimizer = torch.optim.SGD(first.parameters(), lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        hint_loss(first(student), teacher).backward()
        optimizer.step()
    assert hint_loss(first(student), teacher) < 1e-4
    assert Regressor(3, 5, bias=False).bias is None


square = torch.zeros(2, 3, 4, 4)
REFUSED = [
    (lambda: hint_loss(square, square[:, :2]), ValueError, r"teacher has shape \(2, 2, 4, 4\).*Regressor"),
    (lambda: hint_loss(square, square[:1]), ValueError, "the same samples"),
    (lambda: hint_loss(square.int(), square), TypeError, "student has dtype int32"),
    (lambda: hint_loss(square, square * torch.nan), ValueError, "teacher holds NaN in 96 of 96"),
    (lambda: attention_map(torch.zeros(2, 3)), ValueError, r"features has shape \(2, 3\): feature maps \(N, C, H, W\)"),
    (lambda: attention_map(square, 0.0), ValueError, "power is 0.0"),
    (lambda: attention_map(square, "2"), TypeError, "power is a str"),
    (lambda: attention_map(square / 0), ValueError, "features holds NaN"),
    (lambda: attention_loss(square, torch.zeros(2, 3)), ValueError, r"teacher has shape \(2, 3\): feature maps"),
    (lambda: attention_loss(square, square, form="book"), ValueError, "form is 'book'"),
    (lambda: Regressor(0, 5), ValueError, "student_channels is 0"),
    (lambda: Regressor(3, 5.0), TypeError, "teacher_channels is a float"),
    (lambda: Regressor(4, 5)(square), ValueError, r"features has shape \(2, 3, 4, 4\): \(N, 4, ...\) is needed"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
