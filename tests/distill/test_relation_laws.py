"""What every loss on relations between samples promises, whichever relation it compares."""

import pytest
import torch

from kdtutor.distill import correlation_loss, pkt_loss, rkd_angle_loss, rkd_distance_loss, similarity_loss

LOSSES = [similarity_loss, correlation_loss, pkt_loss, rkd_distance_loss, rkd_angle_loss]


def features(rows, width, seed):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("loss", LOSSES)
def test_relations_have_the_gradient_that_finite_differences_see_and_spare_the_teacher(loss):
    student, teacher = features(4, 3, 2).requires_grad_(), features(4, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, teacher.detach()), student)
    loss(student, teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [1e-4, 1e4])
def test_relations_stay_finite_for_small_and_large_features_in_lower_precision(loss, size, dtype, device):
    student, teacher = ((size * features(6, 8, seed)).to(device, dtype).requires_grad_() for seed in (0, 1))
    value = loss(student, teacher)
    value.backward()
    assert value.dtype == dtype
    exact = loss(student.detach().double(), teacher.detach().double())
    torch.testing.assert_close(value.detach().double(), exact, rtol=8 * torch.finfo(dtype).eps, atol=1e-6)
    assert student.grad.isfinite().all()
