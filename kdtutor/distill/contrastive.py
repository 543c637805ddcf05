"""CRD: a student's representation should tell which teacher representation belongs to the same sample."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.distill.arguments import require_count, require_features, require_positive
from kdtutor.distill.features import Regressor
from kdtutor.distill.log_probabilities import at_least_float32
from kdtutor.distill.normalize import unit_length


class ContrastiveDistillation(nn.Module):
    """-(1/N) Σ_i [log h(i, i) + Σ_{j≠i} log(1 - h(i, j))], h(i, j) = e^{g_ij} / (e^{g_ij} + negatives_i / N).

    g_ij is the cosine between the embedded student feature i and the embedded teacher feature j, divided by the
    temperature. h estimates the chance that the pair belongs together; raising the bound raises the mutual information
    of student and teacher representations.

    Negatives are the other samples of the batch, with the batch in the place of the data set (the paper's M). The
    authors keep a memory of every training sample's embedding and draw 16,384 negatives from it. In the batch nothing
    is stale or random, there is no state to save and no sample index that a shuffling loader could mix up; the price is
    N - 1 negatives, so use batches as large as the machine allows. Both anchors of the paper, teacher and student, meet
    the same pairs here, so one sum serves both. Given labels, pairs of one class are no negatives.

    student_channels, teacher_channels: sizes of the flattened features. Both embeddings are trained with the student.
    Source: Tian, Krishnan, Isola, "Contrastive Representation Distillation", section 3, 2020.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        embedding_channels: int = 128,
        temperature: float = 0.07,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        """generator: where the initial weights come from; torch's own if None."""
        super().__init__()
        require_count("embedding_channels", embedding_channels)
        require_positive("temperature", temperature)
        self.embed_student = Regressor(student_channels, embedding_channels, generator=generator)
        self.embed_teacher = Regressor(teacher_channels, embedding_channels, generator=generator)
        self.temperature = temperature

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor | None = None) -> Tensor:
        """student: (N, ...), teacher: (N, ...), N >= 2; labels: (N,) class indices or None -> scalar in nats.

        Raises ValueError for shapes that do not fit, one sample, NaN or infinity (on the CPU). The teacher's features
        receive no gradient; its embedding does.
        """
        require_features(student, teacher, least=2)
        own = torch.eye(len(student), dtype=torch.bool, device=student.device)
        negative = ~own
        if labels is not None:
            require_batch_labels(labels, len(student))
            negative = labels.unsqueeze(1) != labels.unsqueeze(0)
        e_s, e_t = self.embed_student(student.flatten(1)), self.embed_teacher(teacher.detach().flatten(1))
        g = unit_length(at_least_float32(e_s)) @ unit_length(at_least_float32(e_t)).T / self.temperature
        log_noise = negative.sum(1, keepdim=True).clamp_min(1).to(g.dtype).log() - math.log(len(student))
        odds = g - log_noise
        together = F.logsigmoid(odds).diagonal()
        apart = torch.where(negative, F.logsigmoid(-odds), 0.0).sum(1)
        return -(together + apart).mean().to(student.dtype)


def require_batch_labels(labels: Tensor, samples: int) -> None:
    """Refuse labels that are not one class index a sample."""
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        came = str(labels.dtype).removeprefix("torch.") if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels is {came}: an integer tensor of class indices is needed")
    if labels.shape != (samples,):
        raise ValueError(f"labels has shape {tuple(labels.shape)}: ({samples},) is needed, one index a sample")
