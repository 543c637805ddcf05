"""A running mean of the student as its teacher."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_04_teachers_and_regimes.shared import filled, tensors_of


def _ema_update(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    distill.ema_update(teacher, student, decay)


def _two_alike(g: Generator) -> list[tuple[Any, ...]]:
    makes: list[Any] = [lambda: nn.BatchNorm1d(3), lambda: nn.Linear(3, 2), lambda: nn.Linear(2, 2, bias=False),
                        lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))]  # fmt: skip
    return [(filled(make, g), filled(make, g), decay) for make in makes for decay in (0.9, 0.25)]


def _afterwards(f: Solution, teacher: nn.Module, student: nn.Module, decay: float) -> dict[str, Any]:
    teacher, student = copy.deepcopy(teacher), copy.deepcopy(student)
    f(teacher, student, decay)
    return {"teacher afterwards": tensors_of(teacher), "student afterwards": tensors_of(student)}


def _after(f: Solution, g: Generator, decay: float) -> tuple[Tensor, Tensor, Tensor]:
    teacher, student = (filled(lambda: nn.Linear(3, 2), g) for _ in range(2))
    before = tensors_of(teacher)["weight"]
    f(teacher, student, decay)
    return before, tensors_of(teacher)["weight"], tensors_of(student)["weight"]


def _keeps_all(f: Solution, g: Generator) -> bool:
    before, after, _ = _after(f, g, 1.0)
    return near(after, before)


def _keeps_nothing(f: Solution, g: Generator) -> bool:
    _, after, student = _after(f, g, 0.0)
    return near(after, student)


def _is_no_tensor_of_the_student(f: Solution, g: Generator) -> bool:
    teacher, student = (filled(lambda: nn.BatchNorm1d(3), g) for _ in range(2))
    f(teacher, student, 0.5)
    kept = tensors_of(teacher)
    with torch.no_grad():
        for tensor in (*student.parameters(), *student.buffers()):
            tensor.add_(1)
    return all(bool((tensor == kept[name]).all()) for name, tensor in tensors_of(teacher).items())


@torch.no_grad()
def _blend(
    teacher: nn.Module, student: nn.Module, keep: float, add: float, *, buffers: str = "copy", only: str = ""
) -> None:
    ours = dict(student.named_parameters())
    for name, theta in teacher.named_parameters():
        if only in name:
            theta.copy_(keep * theta + add * ours[name])
    theirs = dict(student.named_buffers())
    for name, buffer in teacher.named_buffers():
        if buffers == "copy":
            buffer.copy_(theirs[name])
        elif buffers == "blend":
            buffer.copy_(keep * buffer + add * theirs[name])


@torch.no_grad()
def _moves_the_student(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    _blend(student, teacher, decay, 1 - decay, buffers="leave")
    _blend(teacher, student, 1.0, 0.0)


@torch.no_grad()
def _rebinds(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    for theta_t, theta_s in zip(teacher.parameters(), student.parameters(), strict=True):
        theta_t = nn.Parameter(decay * theta_t + (1 - decay) * theta_s)


@torch.no_grad()
def _shares_buffers(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    _blend(teacher, student, decay, 1 - decay)
    for module, other in zip(teacher.modules(), student.modules(), strict=True):
        for name, buffer in other.named_buffers(recurse=False):
            setattr(module, name, buffer)


@torch.no_grad()
def _by_state_dict(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    weights = {name for name, _ in student.named_parameters()}
    old, new = teacher.state_dict(), student.state_dict()
    teacher.load_state_dict({k: decay * old[k] + (1 - decay) * v if k in weights else v for k, v in new.items()})


@torch.no_grad()
def _by_lerp(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    for theta_t, theta_s in zip(teacher.parameters(), student.parameters(), strict=True):
        theta_t.lerp_(theta_s, 1 - decay)
    for b_t, b_s in zip(teacher.buffers(), student.buffers(), strict=True):
        b_t.copy_(b_s)


def _by_data(teacher: nn.Module, student: nn.Module, decay: float) -> None:
    for theta_t, theta_s in zip(teacher.parameters(), student.parameters(), strict=True):
        theta_t.data.mul_(decay).add_(theta_s.data, alpha=1 - decay)
    for b_t, b_s in zip(teacher.buffers(), student.buffers(), strict=True):
        b_t.data = b_s.data.clone()


ema_update = Exercise(
    reference=_ema_update,
    inputs=_two_alike,
    observe=_afterwards,
    laws=[
        Law("leaves the weights alone when decay is 1", _keeps_all, "A decay of 1 keeps all of the old mean."),
        Law("takes the student's weights when decay is 0", _keeps_nothing, "A decay of 0 keeps nothing of the old mean."),
        Law("leaves the teacher tensors of its own", _is_no_tensor_of_the_student,
            "Copy the values. A tensor that teacher and student share follows every later step of the student."),
    ],
    mistakes=[
        Mistake("decay swapped", lambda t, s, d: _blend(t, s, 1 - d, d),
                "You keep 1 - decay of the teacher. With decay 0.999 the teacher should hardly move in one step."),
        Mistake("student moved", _moves_the_student,
                "The student's weights changed. The mean moves toward the student, never the other way."),
        Mistake("copied, not averaged", lambda t, s, d: _blend(t, s, 0.0, 1.0),
                "The teacher becomes a copy of the student: then it knows nothing that the student does not."),
        Mistake("buffers left alone", lambda t, s, d: _blend(t, s, d, 1 - d, buffers="leave"),
                "The weights are right, the buffers are still the old ones. BatchNorm's statistics have to fit the weights: copy "
                "the student's."),
        Mistake("buffers averaged", lambda t, s, d: _blend(t, s, d, 1 - d, buffers="blend"),
                "You average the buffers too. They are running means already, and a counter of batches cannot be averaged: copy "
                "them."),
        Mistake("added, not averaged", lambda t, s, d: _blend(t, s, 1.0, 1 - d),
                "You add to the teacher without shrinking what it held, so its weights grow without end."),
        Mistake("biases forgotten", lambda t, s, d: _blend(t, s, d, 1 - d, only="weight"),
                "Only the weights are averaged. Every parameter counts, biases too."),
        Mistake("a name rebound", _rebinds,
                "The teacher is as it was. `theta = ...` gives a new tensor a name; to change the module, write into the "
                "parameter in place."),
        Mistake("buffers shared", _shares_buffers,
                "The values are right, but the buffers are the student's own tensors: its next step changes them under the "
                "teacher."),
    ],
    styles={"lerp": _by_lerp, "a new state dict": _by_state_dict, "mul and add on data": _by_data},
    hints=(
        "Two loops: one over the parameters, which are averaged, one over the buffers, which are copied.",
        "zip(teacher.parameters(), student.parameters()) gives pairs. Write in place, under torch.no_grad().",
        "For a parameter: multiply the teacher's by decay, add (1 - decay) times the student's. For a buffer: copy_.",
    ),
)  # fmt: skip
