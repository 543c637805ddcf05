"""VID: how much of the teacher's features can be told from the student's, as a likelihood."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.distill.arguments import require_features, require_positive
from kdtutor.distill.features import Regressor
from kdtutor.distill.log_probabilities import at_least_float32


class VariationalInformation(nn.Module):
    """-log q(t | s) of a Gaussian q with mean μ(s) and a learned variance σ_c² for each channel, mean over all entries.

    The mutual information of teacher and student features is at least H(t) + E[log q(t | s)]: lowering this loss raises
    that bound. loss = mean of ½ (log σ_c² + (t - μ(s))² / σ_c²), the constant ½ log 2π left out;
    σ_c² = softplus(ρ_c) + the smallest variance. μ is three `Regressor`s with ReLU between them: for (N, D) features a
    small MLP, for (N, C, H, W) 1×1 convolutions. Train this module's parameters with the student's.

    student_channels, teacher_channels: sizes of axis 1. hidden_channels: width of μ, the teacher's if None.
    Source: Ahn, Hu, Damianou, Lawrence, Dai, "Variational Information Distillation for Knowledge Transfer", section 2,
    2019.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        hidden_channels: int | None = None,
        *,
        initial_variance: float = 5.0,
        smallest_variance: float = 1e-5,
        generator: torch.Generator | None = None,
    ) -> None:
        """generator: where the initial weights come from; torch's own if None."""
        super().__init__()
        require_positive("smallest_variance", smallest_variance)
        require_positive("initial_variance", initial_variance)
        if initial_variance <= smallest_variance:
            raise ValueError(
                f"initial_variance is {initial_variance}: more than smallest_variance, {smallest_variance}"
            )
        hidden_channels = teacher_channels if hidden_channels is None else hidden_channels
        self.mean = nn.Sequential(
            Regressor(student_channels, hidden_channels, generator=generator),
            nn.ReLU(),
            Regressor(hidden_channels, hidden_channels, generator=generator),
            nn.ReLU(),
            Regressor(hidden_channels, teacher_channels, generator=generator),
        )
        self.smallest_variance = smallest_variance
        excess = initial_variance - smallest_variance
        inverse_softplus = excess + math.log(-math.expm1(-excess))
        self.rho = nn.Parameter(torch.full((teacher_channels,), inverse_softplus))

    @property
    def variance(self) -> Tensor:
        """σ_c² of each teacher channel, (teacher_channels,)."""
        return F.softplus(self.rho) + self.smallest_variance

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """student: (N, student_channels, ...), teacher: (N, teacher_channels, ...), equal further axes -> scalar.

        Raises ValueError for shapes that do not fit, NaN or infinity (on the CPU). The teacher receives no gradient.
        """
        require_features(student, teacher)
        if teacher.shape[1] != len(self.rho) or student.shape[2:] != teacher.shape[2:]:
            raise ValueError(
                f"teacher has shape {tuple(teacher.shape)}, student {tuple(student.shape)}: (N, {len(self.rho)}, ...) "
                "and equal further axes are needed"
            )
        mean = at_least_float32(self.mean(student))
        variance = at_least_float32(self.variance).reshape(-1, *[1] * (teacher.ndim - 2))
        squared_error = (at_least_float32(teacher.detach()) - mean) ** 2
        return (0.5 * (variance.log() + squared_error / variance)).mean().to(student.dtype)
