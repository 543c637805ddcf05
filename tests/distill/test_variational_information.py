"""The oracle is torch.distributions: the module's loss is a Gaussian's negative log-likelihood without its constant."""

import math

import pytest
import torch

from kdtutor.distill import VariationalInformation


def features(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("positions", [(), (5,), (2, 3)])
def test_the_loss_is_the_gaussian_likelihood_of_the_teacher_up_to_its_constant(positions, device):
    vid = VariationalInformation(3, 4, generator=torch.Generator().manual_seed(0)).to(device)
    student, teacher = features(6, 3, *positions).to(device), features(6, 4, *positions, seed=1).to(device)
    with torch.no_grad():
        vid.rho.copy_(torch.linspace(-2, 2, 4))
    deviation = vid.variance.sqrt().view(-1, *[1] * len(positions))
    normal = torch.distributions.Normal(vid.mean(student), deviation)
    wanted = -normal.log_prob(teacher).mean() - math.log(2 * math.pi) / 2
    torch.testing.assert_close(vid(student, teacher), wanted)


@pytest.mark.parametrize("variance", [1e-3, 0.5, 5.0, 200.0])
def test_the_variance_starts_where_asked_and_stays_above_its_floor(variance):
    vid = VariationalInformation(2, 3, initial_variance=variance)
    torch.testing.assert_close(vid.variance, torch.full((3,), variance), rtol=1e-4, atol=0)
    with torch.no_grad():
        vid.rho.fill_(-1e4)
    torch.testing.assert_close(vid.variance, torch.full((3,), 1e-5))
    assert vid(torch.zeros(2, 2), torch.full((2, 3), 1e4)).isfinite()


def test_training_it_finds_which_channels_the_student_can_tell():
    student = features(256, 4)
    teacher = torch.stack([student[:, 0] + student[:, 1], 3 * features(256, seed=9)], 1)
    vid = VariationalInformation(4, 2, 16, generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(vid.parameters(), lr=0.02)
    start = vid(student, teacher).item()
    for _ in range(300):
        optimizer.zero_grad()
        loss = vid(student, teacher)
        loss.backward()
        optimizer.step()
    assert loss.item() < start
    told, noise = vid.variance.tolist()
    assert told < 0.05
    assert noise > 1


def test_gradients_reach_student_and_module_but_not_the_teacher_and_follow_the_dtype():
    vid = VariationalInformation(2, 3).double()
    student, teacher = features(4, 2).double().requires_grad_(), features(4, 3, seed=1).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: vid(x, teacher.detach()), student)
    vid(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0
    assert all(p.grad.abs().sum() > 0 for p in (vid.rho, vid.mean[-1].weight))
    half = VariationalInformation(2, 3).bfloat16()
    assert half(student.detach().bfloat16(), teacher.detach().bfloat16()).dtype == torch.bfloat16


def test_the_same_generator_seed_gives_the_same_module():
    first, second = (VariationalInformation(2, 3, generator=torch.Generator().manual_seed(4)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


vid = VariationalInformation(2, 3)
REFUSED = [
    (lambda: vid(torch.zeros(4, 2), torch.zeros(4, 4)), ValueError, r"\(N, 3, ...\)"),
    (lambda: vid(torch.zeros(4, 2, 2), torch.zeros(4, 3, 5)), ValueError, "equal further axes"),
    (lambda: vid(torch.zeros(4, 3), torch.zeros(4, 3)), ValueError, r"features has shape \(4, 3\)"),
    (lambda: vid(torch.zeros(4, 2), torch.zeros(3, 3)), ValueError, "the same samples"),
    (lambda: VariationalInformation(2, 3, initial_variance=0.0), ValueError, "initial_variance is 0.0"),
    (lambda: VariationalInformation(2, 3, initial_variance=1e-6), ValueError, "more than smallest_variance"),
    (lambda: VariationalInformation(2, 0), ValueError, "channels is 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
