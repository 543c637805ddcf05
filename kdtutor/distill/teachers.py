"""Who teaches: a network at rest, a running mean of the student, its peers, or the generation before it."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Module

from kdtutor.distill.arguments import require_labels, require_pair, require_temperature, require_weight
from kdtutor.distill.log_probabilities import at_least_float32
from kdtutor.distill.logits import kd_loss
from kdtutor.distill.regime_arguments import require_module, require_whole


@contextmanager
def evaluating(module: Module) -> Iterator[Module]:
    """Inside the `with`, every part of `module` is in evaluation mode; afterwards each is in the mode it had.

    A teacher left in training mode moves its own BatchNorm statistics even without gradient, and dropout moves its
    answers. Parts may have had different modes (a frozen BatchNorm in a training network): each is restored to its own.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield module
    finally:
        for part, training in modes:
            part.training = training


def teacher_logits(teacher: Module, inputs: Tensor) -> Tensor:
    """What the teacher says about `inputs`: in evaluation mode, without gradient, its mode restored.

    inputs: (N, ...), on the teacher's device. Returns whatever the teacher returns, (N, C) for a classifier.
    Raises TypeError where the teacher is no torch.nn.Module.
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015.
    """
    require_module("teacher", teacher)
    with evaluating(teacher), torch.no_grad():
        return teacher(inputs)


@torch.no_grad()
def ema_update(teacher: Module, student: Module, decay: float = 0.999, *, step: int | None = None) -> None:
    """Move the teacher, in place, toward the student: θ_t ← d θ_t + (1 - d) θ_s. Buffers are copied.

    BatchNorm statistics are running means already and counters are integers: averaging them again would be wrong, so
    every buffer takes the student's value. With `step` = 1, 2, 3, ... the mean is corrected for its start:
    d_n = d (1 - d^{n-1}) / (1 - d^n), which makes the teacher exactly the weighted mean of the n students it has seen,
    Σ_i (1 - d) d^{n-i} θ_i / (1 - d^n), whatever it held before (d_1 = 0). Without `step`, d stays as given.

    teacher, student: modules with the same parameters and buffers. decay d in [0, 1]. In half precision a step smaller
    than the rounding is lost: keep the teacher in float32, where its parameters may have another dtype than the
    student's.
    Raises TypeError for what is no module, ValueError for one and the same module, shared tensors, names or shapes that
    differ, decay outside [0, 1], step below 1.
    Source: Tarvainen, Valpola, "Mean teachers are better role models", section 2, 2017; correction: Kingma, Ba, "Adam",
    section 3, 2015.
    """
    _require_two_alike(teacher, student)
    require_weight("decay", decay, 0.0, 1.0)
    d = decay if step is None else _corrected(decay, step)
    of_student = dict(student.named_parameters())
    for name, theta in teacher.named_parameters():
        theta.lerp_(of_student[name].to(theta), 1 - d)
    buffers = dict(student.named_buffers())
    for name, buffer in teacher.named_buffers():
        buffer.copy_(buffers[name])


def mutual_losses(
    logits_list: Sequence[Tensor], labels: Tensor, temperature: float = 1.0, alpha: float = 0.5
) -> list[Tensor]:
    """Every peer's own loss: L_k = (1 - α) CE(z_k, y) + α T² · mean_{l≠k} KL(p_l(T) ‖ p_k(T)).

    Peers train together and each is a teacher to the others; L_k moves peer k alone, as the others' logits count as
    constants in it, so `sum(mutual_losses(...)).backward()` updates all of them at once. The original, CE plus the mean
    KL at T = 1, is twice these losses at α = ½.

    logits_list: K >= 2 tensors (N, C). labels: (N,). Returns K scalars in nats, in each peer's dtype and on its device.
    Raises ValueError for fewer than two peers or one and the same tensor twice, and as `distillation_loss`.
    Source: Zhang et al., "Deep Mutual Learning", sections 3.1 and 3.3, 2018.
    """
    peers = list(logits_list)
    if len(peers) < 2:
        raise ValueError(f"logits_list holds {len(peers)} peers: at least two are needed, each learns from the others")
    if len({id(z) for z in peers}) < len(peers):
        raise ValueError("logits_list holds one tensor twice: a peer compared with itself learns nothing from it")
    for z in peers[1:]:
        require_pair(peers[0], z)
    require_labels(labels, peers[0])
    require_temperature(temperature)
    require_weight("alpha", alpha, 0.0, 1.0)
    losses = []
    for k, z_k in enumerate(peers):
        z = at_least_float32(z_k)
        others = [kd_loss(z, z_l, temperature) for peer, z_l in enumerate(peers) if peer != k]
        from_peers = torch.stack(others).mean()
        losses.append(((1 - alpha) * F.cross_entropy(z, labels.long()) + alpha * from_peers).to(z_k.dtype))
    return losses


def born_again(
    make_student: Callable[[int], Module],
    train: Callable[[Module, Module | None], object],
    generations: int,
    teacher: Module | None = None,
) -> list[Module]:
    """Generations of one architecture: each student learns from the one before it, the first from `teacher`.

    make_student(generation) gives a fresh network, generation counting from 0; train(student, teacher) trains it in
    place, with teacher None in the first generation where none is given (labels alone). The teacher is in evaluation
    mode meanwhile. Returns the students, oldest first; `ensemble_targets` of their logits is the paper's ensemble.
    Raises TypeError where make_student returns no module, ValueError for fewer than one generation or for a student
    that is a network already used.
    Source: Furlanello et al., "Born Again Neural Networks", section 3, 2018.
    """
    require_whole("generations", generations, 1)
    students: list[Module] = []
    for generation in range(generations):
        student = make_student(generation)
        require_module("what make_student returned", student)
        if any(student is earlier for earlier in [teacher, *students]):
            raise ValueError(
                f"make_student({generation}) returned a network already used: every generation starts afresh"
            )
        if teacher is None:
            train(student, None)
        else:
            with evaluating(teacher):
                train(student, teacher)
        students.append(student)
        teacher = student
    return students


def _corrected(decay: float, step: int) -> float:
    require_whole("step", step, 1)
    if decay == 1:
        return (step - 1) / step  # the limit d → 1: the plain mean of all students seen
    # expm1 keeps both differences exact where decay is close to 1.
    log_d = math.log(decay) if decay > 0 else -math.inf
    return decay * math.expm1((step - 1) * log_d) / math.expm1(step * log_d) if decay > 0 else 0.0


def _require_two_alike(teacher: Module, student: Module) -> None:
    require_module("teacher", teacher)
    require_module("student", student)
    if teacher is student:
        raise ValueError("teacher and student are one module: the teacher must be its own copy (copy.deepcopy)")
    for kind in ("parameters", "buffers"):
        of_teacher: dict[str, Tensor] = dict(getattr(teacher, f"named_{kind}")())
        of_student: dict[str, Tensor] = dict(getattr(student, f"named_{kind}")())
        if missing := of_teacher.keys() ^ of_student.keys():
            name = sorted(missing)[0]
            where = "teacher" if name in of_teacher else "student"
            raise ValueError(f"only the {where} has {name!r} among its {kind}: both need the same names")
        for name, tensor in of_teacher.items():
            other = of_student[name]
            if tensor.shape != other.shape:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)} in the teacher, {tuple(other.shape)} in the student: "
                    "both need the same"
                )
            if tensor.numel() and tensor.data_ptr() == other.data_ptr() and tensor.device == other.device:
                raise ValueError(f"{name} is one tensor in teacher and student: the teacher needs its own copy")
