"""teacher_logits: what a teacher says in evaluation mode, without a graph, and left as it was."""

from copy import deepcopy

import torch
from torch import Generator, Tensor, nn

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_02_distillation.networks import modes, network, same, statistics


def _of_a_fresh_teacher(f: Solution, teacher: nn.Module, inputs: Tensor) -> Tensor:
    return f(deepcopy(teacher), inputs)


def _cases(g: Generator) -> list[tuple[nn.Module, Tensor]]:
    shapes = [(5, 4, 3, True), (1, 5, 2, False), (8, 6, 7, True)]
    return [
        (network(g, wide, C, training=training), torch.randn(N, wide, generator=g)) for N, wide, C, training in shapes
    ]


# --- laws -----------------------------------------------------------------------------------------------------------


def _mode_is_left(f: Solution, g: Generator, training: bool) -> bool:
    teacher = network(g, training=training)
    f(teacher, torch.randn(4, 5, generator=g))
    return modes(teacher) == [training] * len(modes(teacher))


def _mode_of_each_part_is_left(f: Solution, g: Generator) -> bool:
    teacher = network(g, training=True)
    teacher[1].eval()
    before = modes(teacher)
    f(teacher, torch.randn(4, 5, generator=g))
    return modes(teacher) == before


def _statistics_are_left(f: Solution, g: Generator) -> bool:
    teacher = network(g, training=True)
    before = statistics(teacher)
    f(teacher, torch.randn(4, 5, generator=g))
    return same(before, statistics(teacher))


def _no_gradient(f: Solution, g: Generator) -> bool:
    return not f(network(g), torch.randn(4, 5, generator=g)).requires_grad


def _parameters_stay_trainable(f: Solution, g: Generator) -> bool:
    teacher = network(g)
    f(teacher, torch.randn(4, 5, generator=g))
    return all(parameter.requires_grad for parameter in teacher.parameters())


# --- mistakes -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _in_its_own_mode(teacher: nn.Module, inputs: Tensor) -> Tensor:
    return teacher(inputs)


def _with_the_graph(teacher: nn.Module, inputs: Tensor) -> Tensor:
    with distill.teachers.evaluating(teacher):
        return teacher(inputs)


def _left_in_evaluation(teacher: nn.Module, inputs: Tensor) -> Tensor:
    teacher.eval()
    with torch.no_grad():
        return teacher(inputs)


def _always_woken(teacher: nn.Module, inputs: Tensor) -> Tensor:
    logits = _left_in_evaluation(teacher, inputs)
    teacher.train()
    return logits


def _one_mode_for_all(teacher: nn.Module, inputs: Tensor) -> Tensor:
    training = teacher.training
    logits = _left_in_evaluation(teacher, inputs)
    teacher.train(training)
    return logits


def _frozen_for_good(teacher: nn.Module, inputs: Tensor) -> Tensor:
    return distill.teacher_logits(teacher.requires_grad_(False), inputs)


# --- styles ---------------------------------------------------------------------------------------------------------


def _by_a_copy(teacher: nn.Module, inputs: Tensor) -> Tensor:
    return deepcopy(teacher).eval()(inputs).detach()


def _by_a_list_of_modes(teacher: nn.Module, inputs: Tensor) -> Tensor:
    parts = list(teacher.modules())
    before = [part.training for part in parts]
    teacher.eval()
    try:
        with torch.no_grad():
            return teacher(inputs)
    finally:
        for part, training in zip(parts, before, strict=True):
            part.training = training


@torch.no_grad()
def _by_a_dictionary(teacher: nn.Module, inputs: Tensor) -> Tensor:
    was_training = {name: part.training for name, part in teacher.named_modules()}
    out = teacher.train(False)(inputs)
    for name, part in teacher.named_modules():
        part.training = was_training[name]
    return out


def _by_a_functional_call(teacher: nn.Module, inputs: Tensor) -> Tensor:
    at_rest = deepcopy(teacher).train(False)
    fixed = {name: parameter.detach() for name, parameter in teacher.named_parameters()}
    return torch.func.functional_call(at_rest, fixed, (inputs,))


teacher_logits = Exercise(
    reference=distill.teacher_logits,
    inputs=_cases,
    observe=_of_a_fresh_teacher,
    laws=[
        Law("leaves the teacher's running statistics alone", _statistics_are_left,
            "In training mode BatchNorm moves its statistics at every forward pass, without gradient too."),
        Law("leaves a teacher that came in training mode in training mode", lambda f, g: _mode_is_left(f, g, True),
            "Remember the mode before you change it: a teacher may come in either."),
        Law("leaves a teacher that came in evaluation mode in evaluation mode", lambda f, g: _mode_is_left(f, g, False),
            "Remember the mode before you change it: a teacher may come in either."),
        Law("gives every part of the teacher its own mode back", _mode_of_each_part_is_left,
            "A BatchNorm may be frozen inside a network that trains: teacher.train() would wake it."),
        Law("carries no gradient", _no_gradient,
            "Without a graph the teacher costs half the memory, and nothing can train it by accident."),
        Law("leaves the teacher's parameters trainable", _parameters_stay_trainable,
            "Asking a teacher should not change it for whoever uses it next."),
    ],
    mistakes=[
        Mistake("asked in training mode", _in_its_own_mode,
                "Your teacher answers in whatever mode it comes. In training mode BatchNorm looks at the batch, dropout "
                "removes units, and the running statistics move even under no_grad."),
        Mistake("teacher in the graph", _with_the_graph,
                "The numbers are right, but they carry a graph: the backward pass would run through the teacher as well."),
        Mistake("left in evaluation mode", _left_in_evaluation,
                "The numbers are right, but the teacher is in evaluation mode afterwards, though it came in training mode."),
        Mistake("always back to training", _always_woken,
                "The numbers are right, but a teacher that came in evaluation mode leaves in training mode."),
        Mistake("one mode for all parts", _one_mode_for_all,
                "Right where all parts share one mode. A BatchNorm frozen inside a training network is woken by train(). "
                "Which modules does teacher.modules() list?"),
        Mistake("frozen for good", _frozen_for_good,
                "The numbers are right, but the teacher's parameters cannot be trained any more afterwards."),
        Mistake("probabilities", lambda teacher, x: distill.teacher_logits(teacher, x).softmax(-1),
                "You return probabilities. Logits are wanted: the temperature still has to divide them."),
        Mistake("hard labels", lambda teacher, x: distill.teacher_logits(teacher, x).argmax(-1),
                "You return the class that the teacher finds likeliest. What it says about the others is the point."),
    ],
    styles={
        "modes in a list": _by_a_list_of_modes,
        "modes by name, under a decorator": _by_a_dictionary,
        "a copy at rest": _by_a_copy,
        "a functional call": _by_a_functional_call,
    },
    hints=(
        "Two switches belong to a forward pass of a teacher: one is about layers, the other about gradients.",
        "teacher.eval() sets every part. To undo it you need each part's own mode from before: teacher.modules() lists "
        "the parts, and each has an attribute training.",
        "Keep a list of (part, part.training), call eval(), compute under torch.no_grad(), then write the modes back.",
    ),
)  # fmt: skip
