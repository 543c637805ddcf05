"""Losses on what the layers in between compute: hints, and where a network looks."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.distill.arguments import (
    require_count,
    require_feature_maps,
    require_features,
    require_floating,
    require_matching_features,
    require_positive,
)
from kdtutor.distill.log_probabilities import at_least_float32
from kdtutor.distill.normalize import unit_length


def hint_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error between matched features: mean over all entries of (student - teacher)².

    student, teacher: (N, ...) of one shape; `Regressor` maps a student of other width. Returns a scalar, in the
    student's dtype and on its device. Only the student receives a gradient.
    Raises TypeError for integer features, ValueError for shapes that differ, NaN or infinity (on the CPU).
    Source: Romero, Ballas, Kahou, Chassang, Gatta, Bengio, "FitNets: Hints for Thin Deep Nets", section 2.2, 2015
    (whose equation 3 is half the sum of squares).
    """
    require_matching_features(student, teacher)
    return F.mse_loss(at_least_float32(student), at_least_float32(teacher.detach())).to(student.dtype)


class Regressor(nn.Module):
    """A learned linear map from the student's channels to the teacher's, the same at every position.

    (N, student_channels, ...) becomes (N, teacher_channels, ...): for (N, D) a Linear, for (N, C, H, W) a 1×1
    convolution. It is trained with the student and dropped afterwards.
    Source: Romero, Ballas, Kahou, Chassang, Gatta, Bengio, "FitNets: Hints for Thin Deep Nets", section 2.2, 2015.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        *,
        bias: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        """generator: where the initial weights, uniform in ±1/√student_channels, come from; torch's own if None."""
        super().__init__()
        require_count("student_channels", student_channels)
        require_count("teacher_channels", teacher_channels)
        bound = student_channels**-0.5
        self.weight = nn.Parameter(
            torch.empty(teacher_channels, student_channels).uniform_(-bound, bound, generator=generator)
        )
        self.bias = (
            nn.Parameter(torch.empty(teacher_channels).uniform_(-bound, bound, generator=generator)) if bias else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, student_channels, ...) -> (N, teacher_channels, ...)."""
        require_floating("features", features)
        if features.ndim < 2 or features.shape[1] != self.weight.shape[1]:
            raise ValueError(f"features has shape {tuple(features.shape)}: (N, {self.weight.shape[1]}, ...) is needed")
        return F.linear(features.movedim(1, -1), self.weight, self.bias).movedim(-1, 1)


def attention_map(features: Tensor, power: float = 2.0) -> Tensor:
    """Where a layer looks: Σ_c |f_c|^p at each position, as a vector of unit length.

    features: (N, C, H, W), finite, any size. Returns (N, H·W), rows of Euclidean length 1, in the features' dtype and
    on their device; zeros, with gradient 0, for a sample whose features are all zero.
    Raises TypeError for integer features, ValueError for other shapes, p <= 0, NaN or infinity (on the CPU).
    Source: Zagoruyko, Komodakis, "Paying More Attention to Attention", section 3.1, 2017.
    """
    require_feature_maps("features", features)
    require_positive("power", power)
    return unit_length(_energy(features, power).flatten(1)).to(features.dtype)


def attention_loss(
    student: Tensor, teacher: Tensor, power: float = 2.0, *, form: Literal["paper", "code"] = "paper"
) -> Tensor:
    """Distance between attention maps q = attention_map(·), averaged over the batch.

    "paper": mean over samples of ‖q_s - q_t‖, the term of the paper's equation 2 (its weight there is β/2).
    "code": mean over samples and positions of (q_s - q_t)², what the authors' program computes and what RepDistiller
    and mdistiller repeat; weights of about 1000 found in configurations belong to this form.
    For each sample code = paper² / (H·W), so there is no constant factor between them: at a distance of 0.1 on 8×8 maps
    the paper's value is 640 times the code's. `kdtutor.distill.conventions.attention_code_over_paper` gives the ratio
    of their gradients.

    student: (N, C_s, H, W), teacher: (N, C_t, H, W); channels may differ. If heights or widths differ, the energy of
    the larger is averaged down to the smaller. Returns a scalar, in the student's dtype and on its device; the
    gradient at equality is 0. Only the student receives a gradient.
    Raises as `attention_map`, and ValueError for batches that differ or an unknown form.
    Source: Zagoruyko, Komodakis, "Paying More Attention to Attention", section 3.1, equation 2, 2017;
    szagoruyko/attention-transfer, utils.py, `at_loss` (issue 34 there).
    """
    require_features(student, teacher)
    require_feature_maps("student", student)
    require_feature_maps("teacher", teacher)
    require_positive("power", power)
    energies = [_energy(features, power) for features in (student, teacher.detach())]
    size = (min(student.shape[2], teacher.shape[2]), min(student.shape[3], teacher.shape[3]))
    q_s, q_t = (unit_length(F.adaptive_avg_pool2d(energy, size).flatten(1)) for energy in energies)
    match form:
        case "paper":
            loss = torch.linalg.vector_norm(q_s - q_t, dim=1).mean()
        case "code":
            loss = ((q_s - q_t) ** 2).mean()
        case _:
            raise ValueError(f"form is {form!r}: 'paper' or 'code' is needed")
    return loss.to(student.dtype)


def _energy(features: Tensor, power: float) -> Tensor:
    """Σ_c |f_c|^p at each position, up to each sample's own factor, which unit length removes; (N, H, W)."""
    magnitude = at_least_float32(features).abs()
    largest = magnitude.detach().amax((1, 2, 3), keepdim=True)
    return (magnitude / torch.where(largest > 0, largest, 1.0)).pow(power).sum(1)
