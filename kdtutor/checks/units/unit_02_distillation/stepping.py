"""train_step: one update of the student, and of nothing else."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_02_distillation.networks import modes, network, same, statistics
from kdtutor.distill import teacher_logits
from kdtutor.distill.teachers import evaluating

BatchLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
Step = Callable[[nn.Module, nn.Module, Tensor, Tensor, Optimizer, BatchLoss], Any]
Case = tuple[nn.Module, nn.Module, Tensor, Tensor, Optimizer, BatchLoss]


def _train_step(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> float:
    z_t = teacher_logits(teacher, inputs)
    student.train()
    value = loss(student(inputs), z_t, labels)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    return value.item()


def half_and_half(z_s: Tensor, z_t: Tensor, labels: Tensor) -> Tensor:
    """A loss of labels and teacher that keeps the teacher's graph where it has one."""
    return (F.cross_entropy(z_s, labels) + F.cross_entropy(z_s, z_t.softmax(-1))) / 2


def _case(g: Generator, make: Callable[[Any], Optimizer], samples: int = 6, classes: int = 3) -> Case:
    student = network(g, classes=classes, training=False)  # as it comes from an evaluation
    teacher = network(g, classes=classes, training=True)
    x, y = torch.randn(samples, 5, generator=g), torch.randint(classes, (samples,), generator=g)
    return student, teacher, x, y, make(student.parameters()), half_and_half


def _cases(g: Generator) -> list[Case]:
    return [
        _case(g, lambda parameters: SGD(parameters, lr=0.1)),
        _case(g, lambda parameters: Adam(parameters, lr=0.02), samples=4, classes=5),
        _case(g, lambda parameters: SGD(parameters, lr=0.05, momentum=0.9), classes=2),
    ]


def _two_steps(f: Solution, *case: Any) -> dict[str, Any]:
    """Two losses, and the student's weights after both updates."""
    student, teacher, x, y, optimizer, loss = case
    student, teacher, optimizer = deepcopy((student, teacher, optimizer))
    losses = [f(student, teacher, x, y, optimizer, loss) for _ in range(2)]
    return {"value": losses, "student's weights": torch.cat([p.detach().flatten() for p in student.parameters()])}


# --- laws -----------------------------------------------------------------------------------------------------------


def _once(f: Solution, g: Generator) -> tuple[Any, nn.Module]:
    student, teacher, x, y, optimizer, loss = _case(g, lambda parameters: SGD(parameters, lr=0.1))
    return f(student, teacher, x, y, optimizer, loss), teacher


def _returns_a_number(f: Solution, g: Generator) -> bool:
    value, _ = _once(f, g)
    return not (isinstance(value, Tensor) and value.requires_grad)


def _teacher_gets_no_gradient(f: Solution, g: Generator) -> bool:
    _, teacher = _once(f, g)
    return all(parameter.grad is None for parameter in teacher.parameters())


def _teacher_keeps_its_statistics(f: Solution, g: Generator) -> bool:
    student, teacher, x, y, optimizer, loss = _case(g, lambda parameters: SGD(parameters, lr=0.1))
    before = statistics(teacher)
    f(student, teacher, x, y, optimizer, loss)
    return same(before, statistics(teacher))


def _teacher_keeps_its_mode(f: Solution, g: Generator) -> bool:
    _, teacher = _once(f, g)
    return all(modes(teacher))


# --- mistakes -------------------------------------------------------------------------------------------------------


def _made_of(
    ask: Callable[[nn.Module, Tensor], Tensor] = teacher_logits,
    clear: bool = True,
    move: bool = True,
    train: bool = True,
    answer: Callable[[Tensor], Any] = Tensor.item,
) -> Step:
    """A step with one of its parts exchanged."""

    def step(
        student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
    ) -> Any:
        z_t = ask(teacher, inputs)
        student.train(train)
        value = loss(student(inputs), z_t, labels)
        if clear:
            optimizer.zero_grad()
        value.backward()
        if move:
            optimizer.step()
        return answer(value)

    return step


@torch.no_grad()
def _asked_in_training_mode(teacher: nn.Module, inputs: Tensor) -> Tensor:
    return teacher(inputs)


def _asked_with_the_graph(teacher: nn.Module, inputs: Tensor) -> Tensor:
    with evaluating(teacher):
        return teacher(inputs)


@torch.no_grad()
def _asked_and_left_in_evaluation(teacher: nn.Module, inputs: Tensor) -> Tensor:
    return teacher.eval()(inputs)


def _compared_with_itself(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> float:
    return _train_step(student, student, inputs, labels, optimizer, loss)


def _labels_alone(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> float:
    return _train_step(student, teacher, inputs, labels, optimizer, lambda z_s, z_t, y: F.cross_entropy(z_s, y))


def _arguments_swapped(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> float:
    return _train_step(student, teacher, inputs, labels, optimizer, lambda z_s, z_t, y: loss(z_t, z_s, y))


def _loss_afterwards(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> float:
    _train_step(student, teacher, inputs, labels, optimizer, loss)
    with torch.no_grad():
        return loss(student(inputs), teacher_logits(teacher, inputs), labels).item()


# --- styles ---------------------------------------------------------------------------------------------------------


def _by_autograd(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> Tensor:
    target = deepcopy(teacher).eval()(inputs).detach()
    student.train()
    value = loss(student(inputs), target, labels)
    parameters = list(student.parameters())
    for parameter, gradient in zip(parameters, torch.autograd.grad(value, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return value.detach()


def _cleared_at_the_end(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> float:
    with evaluating(teacher), torch.no_grad():
        target = teacher(inputs)
    student.train(True)
    value = loss(student(inputs), target, labels)
    value.backward()
    optimizer.step()
    student.zero_grad(set_to_none=False)
    return float(value)


def _by_closure(
    student: nn.Module, teacher: nn.Module, inputs: Tensor, labels: Tensor, optimizer: Optimizer, loss: BatchLoss
) -> Any:
    target = teacher_logits(teacher, inputs)
    student.train()

    def closure() -> float:
        optimizer.zero_grad()
        value = loss(student(inputs), target, labels)
        value.backward()
        return float(value)

    return optimizer.step(closure)


train_step = Exercise(
    reference=_train_step,
    inputs=_cases,
    observe=_two_steps,
    laws=[
        Law("gives the teacher no gradient", _teacher_gets_no_gradient,
            "Ask the teacher under no_grad: its weights collect gradients that nobody uses, and the step takes longer."),
        Law("leaves the teacher's running statistics alone", _teacher_keeps_its_statistics,
            "Ask the teacher in evaluation mode."),
        Law("leaves the teacher in the mode it had", _teacher_keeps_its_mode,
            "The teacher came in training mode; your teacher_logits knows how to put it back."),
        Law("returns a number without a graph", _returns_a_number,
            "A loss that is kept with its graph keeps the whole batch in memory. .item() or .detach() lets go of it."),
    ],
    mistakes=[
        Mistake("gradients not cleared", _made_of(clear=False),
                "The first update is right, the second is not: it still contains the first one's gradient."),
        Mistake("the student does not move", _made_of(move=False),
                "The student's weights are what they were. Is optimizer.step() called, after backward(), and are the "
                "gradients still there by then?"),
        Mistake("teacher in training mode", _made_of(ask=_asked_in_training_mode),
                "The teacher answers in training mode: its BatchNorm looks at the batch. Your teacher_logits knows better."),
        Mistake("teacher in the graph", _made_of(ask=_asked_with_the_graph),
                "The student's update is right, but the backward pass ran through the teacher too, and its weights now "
                "hold gradients."),
        Mistake("teacher left in evaluation mode", _made_of(ask=_asked_and_left_in_evaluation),
                "The update is right, but the teacher came in training mode and is in evaluation mode now."),
        Mistake("student left in evaluation mode", _made_of(train=False),
                "The student trains in evaluation mode: its BatchNorm normalises by old statistics and never updates them. "
                "It may come to you from an evaluation."),
        Mistake("compared with itself", _compared_with_itself,
                "You pass the student's own logits as the teacher's. The loss falls, and nothing is learned from a teacher."),
        Mistake("labels alone", _labels_alone,
                "Your update follows the labels alone. Is the loss that you were handed called with the teacher's logits?"),
        Mistake("arguments swapped", _arguments_swapped,
                "You pass the teacher's logits first. The order is student, teacher, labels."),
        Mistake("the loss afterwards", _loss_afterwards,
                "The update is right. The loss you return was computed after it; the one that was minimised is wanted."),
        Mistake("graph returned", _made_of(answer=lambda value: value),
                "The update is right, but what you return still holds its graph, and with it every activation of the batch."),
    ],
    styles={
        "gradients by autograd.grad": _by_autograd,
        "cleared after the step": _cleared_at_the_end,
        "a closure": _by_closure,
    },
    hints=(
        "Five things happen: ask the teacher, ask the student, compare, differentiate, move.",
        "The student has to be in training mode, the teacher's logits come without a graph, and backward() adds to the "
        "gradients that are there already.",
        "teacher_logits(teacher, inputs), student.train(), the loss of (student's logits, teacher's, labels), then "
        "zero_grad, backward, step of the optimizer, and the loss as a plain number.",
    ),
)  # fmt: skip
