"""One student with several heads, each with its own teacher, its own labels, or both."""

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.distill.arguments import require_floating, require_labels, require_weight
from kdtutor.distill.log_probabilities import at_least_float32
from kdtutor.distill.logits import distillation_loss, kd_loss


def task_losses(
    student_logits: Mapping[str, Tensor],
    teacher_logits: Mapping[str, Tensor],
    labels: Mapping[str, Tensor] | None = None,
    temperature: float = 4.0,
    alpha: float = 0.9,
) -> dict[str, Tensor]:
    """Each task's loss L_k: `distillation_loss` where it has a teacher and labels, `kd_loss` or cross-entropy for one.

    The three mappings go from a task's name to its (N_k, C_k) logits or (N_k,) labels; tasks may differ in both sizes.
    Returns a scalar for each of the student's tasks, in its order. Raises ValueError for a task that has neither
    teacher nor labels, or that the student has no head for, and as the losses themselves, naming the task.
    Source: Caruana, "Multitask Learning", section 1, 1997, with Hinton, Vinyals, Dean, section 2, 2015, for each head.
    """
    labels = labels or {}
    if not student_logits:
        raise ValueError("student_logits names no task: at least one head is needed")
    require_weight("alpha", alpha, 0.0, 1.0)
    for argument, given in (("teacher_logits", teacher_logits), ("labels", labels)):
        if unknown := sorted(given.keys() - student_logits.keys()):
            raise ValueError(f"{argument} has task {unknown[0]!r}, the student's heads are {sorted(student_logits)}")
    losses = {}
    for task, z_s in student_logits.items():
        try:
            losses[task] = _task_loss(z_s, teacher_logits.get(task), labels.get(task), temperature, alpha)
        except (TypeError, ValueError) as refusal:
            raise type(refusal)(f"task {task!r}: {refusal}") from None
    return losses


def multi_task_loss(
    student_logits: Mapping[str, Tensor],
    teacher_logits: Mapping[str, Tensor],
    labels: Mapping[str, Tensor] | None = None,
    temperature: float = 4.0,
    alpha: float = 0.9,
    *,
    weights: Mapping[str, float] | None = None,
) -> Tensor:
    """Weighted sum over the tasks, Σ_k w_k L_k, with L_k as in `task_losses`.

    weights: a number >= 0 for every task; None: all 1. Learned weights: `UncertaintyWeights` on `task_losses`.
    Returns a scalar in nats, in float32 at least. Raises as `task_losses`, and ValueError for weights that do not name
    exactly the student's tasks, or are negative or not finite.
    Source: Caruana, "Multitask Learning", section 1, 1997.
    """
    losses = task_losses(student_logits, teacher_logits, labels, temperature, alpha)
    if weights is None:
        weights = dict.fromkeys(losses, 1.0)
    if weights.keys() != losses.keys():
        raise ValueError(
            f"weights names {sorted(weights)}, the student's heads are {sorted(losses)}: one weight a task"
        )
    for task, w_k in weights.items():
        require_weight(f"weights[{task!r}]", w_k, 0.0, float("inf"))
    return torch.stack([weights[task] * at_least_float32(L_k) for task, L_k in losses.items()]).sum()


class UncertaintyWeights(nn.Module):
    """Learned task weights: Σ_k exp(-s_k) L_k + ½ s_k, with s_k = log σ_k² a parameter for each task.

    A task with a large loss is a noisy one and counts less; ½ s_k keeps s_k from growing without end. At rest
    s_k = log(2 L_k), so every task contributes ½. The value may be negative. Give `parameters()` to the optimiser, and
    no weight decay to them.
    Source: Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses", section 3.2, 2018.
    """

    def __init__(self, tasks: Iterable[str]) -> None:
        super().__init__()
        self.tasks = list(tasks)
        if not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise ValueError(f"tasks is {self.tasks}: at least one name is needed, each once")
        self.log_variances = nn.Parameter(torch.zeros(len(self.tasks)))

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """losses: a scalar for every task (`task_losses`). Returns the weighted sum, a scalar."""
        if losses.keys() != set(self.tasks):
            raise ValueError(
                f"losses names {sorted(losses)}, the weights {sorted(self.tasks)}: both need the same tasks"
            )
        L = torch.stack([at_least_float32(losses[task]) for task in self.tasks])
        s = self.log_variances
        return ((-s).exp() * L + s / 2).sum()

    def weights(self) -> dict[str, float]:
        """The weight exp(-s_k) that each task has now."""
        return dict(zip(self.tasks, (-self.log_variances.detach()).exp().tolist(), strict=True))


def _task_loss(z_s: Tensor, z_t: Tensor | None, y: Tensor | None, temperature: float, alpha: float) -> Tensor:
    if z_t is not None and y is not None:
        return distillation_loss(z_s, z_t, y, temperature, alpha)
    if z_t is not None:
        return kd_loss(z_s, z_t, temperature)
    if y is None:
        raise ValueError("it has neither a teacher nor labels: at least one of the two is needed")
    require_floating("student_logits", z_s)
    require_labels(y, z_s)
    return F.cross_entropy(at_least_float32(z_s), y.long()).to(z_s.dtype)
