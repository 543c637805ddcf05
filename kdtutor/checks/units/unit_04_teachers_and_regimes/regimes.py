"""Several tasks at once, and two questions about regimes: multi_task_loss and two answers in words."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_04_teachers_and_regimes.shared import with_gradients

Rows = dict[str, Tensor]

# --- multi_task_loss ------------------------------------------------------------------------------------------------


def _multi_task_loss(
    student_logits: Rows,
    teacher_logits: Rows,
    labels: Rows,
    weights: Mapping[str, float],
    temperature: float,
    alpha: float,
) -> Tensor:
    return distill.multi_task_loss(student_logits, teacher_logits, labels, temperature, alpha, weights=weights)


def _labels(g: Generator, N: int, C: int) -> Tensor:
    return torch.randint(C, (N,), generator=g)


def _tasks(g: Generator) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []
    for T, alpha in ((2.0, 0.5), (1.0, 0.9), (4.0, 0.3)):
        s = {"what": logits(g, 4, 5), "where": logits(g, 4, 3)}
        t = {"what": logits(g, 4, 5), "where": logits(g, 4, 3)}
        y = {"what": _labels(g, 4, 5), "where": _labels(g, 4, 3)}
        cases += [(s, t, y, {"what": 1.0, "where": 0.5}, T, alpha)]
        s = {"a": logits(g, 3, 4), "b": logits(g, 5, 2), "c": logits(g, 2, 6)}
        t = {"a": logits(g, 3, 4), "c": logits(g, 2, 6)}
        y = {"a": _labels(g, 3, 4), "b": _labels(g, 5, 2)}
        cases += [(s, t, y, {"a": 1.0, "b": 2.0, "c": 0.7}, T, alpha)]
    return cases


def _one(s: Tensor, t: Tensor | None, y: Tensor | None, T: float, alpha: float) -> Tensor:
    if t is not None and y is not None:
        return distill.distillation_loss(s, t, y, T, alpha)
    if t is not None:
        return distill.kd_loss(s, t, T)
    assert y is not None
    return F.cross_entropy(s, y)


def _task_parts(s: Rows, t: Rows, y: Rows, T: float, alpha: float) -> dict[str, Tensor]:
    return {task: _one(z, t.get(task), y.get(task), T, alpha) for task, z in s.items()}


def _with_all_gradients(f: Solution, s: Rows, *others: Any) -> dict[str, Any]:
    s = {task: z.detach().requires_grad_() for task, z in s.items()}
    return with_gradients(f(s, *others), list(s.values()))


def _one_task(f: Solution, g: Generator) -> bool:
    s, t, y = logits(g, 4, 5), logits(g, 4, 5), _labels(g, 4, 5)
    wanted = distill.distillation_loss(s, t, y, 2.0, 0.6)
    return near(f({"only": s}, {"only": t}, {"only": y}, {"only": 1.0}, 2.0, 0.6), wanted)


def _no_gradient_to_teachers(f: Solution, g: Generator) -> bool:
    s, t = logits(g, 4, 5).requires_grad_(), logits(g, 4, 5).requires_grad_()
    f({"only": s}, {"only": t}, {}, {"only": 1.0}, 2.0, 0.5).backward()
    return t.grad is None or not bool(t.grad.any())


def _alpha_everywhere(s: Rows, t: Rows, y: Rows, w: Mapping[str, float], T: float, alpha: float) -> Tensor:
    parts = []
    for task, z in s.items():
        kd = alpha * distill.kd_loss(z, t[task], T) if task in t else torch.zeros(())
        ce = (1 - alpha) * F.cross_entropy(z, y[task]) if task in y else torch.zeros(())
        parts.append(w[task] * (kd + ce))
    return torch.stack(parts).sum()


def _attached_teachers(s: Rows, t: Rows, y: Rows, w: Mapping[str, float], T: float, alpha: float) -> Tensor:
    total = torch.zeros(())
    for task, z in s.items():
        part = torch.zeros(())
        both = task in t and task in y
        if task in t:
            log_t, log_s = (t[task] / T).log_softmax(-1), (z / T).log_softmax(-1)
            part = part + (alpha if both else 1) * T**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean()
        if task in y:
            part = part + ((1 - alpha) if both else 1) * F.cross_entropy(z, y[task])
        total = total + w[task] * part
    return total


def _sum_of(parts: dict[str, Tensor], w: Mapping[str, float]) -> Tensor:
    return torch.stack([w[task] * part for task, part in parts.items()]).sum()


def _by_hand(s: Rows, t: Rows, y: Rows, w: Mapping[str, float], T: float, alpha: float) -> Tensor:
    return _attached_teachers(s, {task: z.detach() for task, z in t.items()}, y, w, T, alpha)


def _by_kl_div(s: Rows, t: Rows, y: Rows, w: Mapping[str, float], T: float, alpha: float) -> Tensor:
    losses = []
    for task in s:
        share = 1.0 if task not in y else alpha if task in t else 0.0
        loss = torch.zeros(())
        if share > 0:
            target = F.log_softmax(t[task].detach() / T, dim=1)
            kl = F.kl_div(F.log_softmax(s[task] / T, dim=1), target, reduction="batchmean", log_target=True)
            loss = loss + share * T * T * kl
        if share < 1:
            loss = loss + (1 - share) * F.nll_loss(F.log_softmax(s[task], dim=1), y[task])
        losses.append(w[task] * loss)
    return sum(losses)  # type: ignore[return-value]


multi_task_loss = Exercise(
    reference=_multi_task_loss,
    inputs=_tasks,
    example=({"a": torch.tensor([[0.0, 0.0]])}, {"a": torch.tensor([[0.0, 2.0]])}, {"a": torch.tensor([1])}, {"a": 1.0}, 2.0, 0.5),
    observe=_with_all_gradients,
    laws=[
        Law("is the distillation loss of unit 02 when there is one task of weight 1", _one_task,
            "One task, one teacher, its labels: nothing new."),
        Law("gives no teacher a gradient", _no_gradient_to_teachers, "Each teacher is fixed: detach its logits."),
    ],
    mistakes=[
        Mistake("mean over the tasks", lambda s, t, y, w, T, a: _sum_of(_task_parts(s, t, y, T, a), w) / len(s),
                "You average over the tasks. The loss is their weighted sum, so that a second task does not halve the first."),
        Mistake("weights unused", lambda s, t, y, w, T, a: _sum_of(_task_parts(s, t, y, T, a), dict.fromkeys(s, 1.0)),
                "Every task counts 1 in your value. Its weight is w[task]."),
        Mistake("alpha where one source is missing", _alpha_everywhere,
                "A task that has only a teacher counts alpha of it in your value, one that has only labels 1 - alpha. With one "
                "source there is nothing to mix: it counts in full."),
        Mistake("tasks without labels skipped", lambda s, t, y, w, T, a: _sum_of(_task_parts({k: z for k, z in s.items() if k in y}, t, y, T, a), w),
                "A task without labels adds nothing in your value. It can learn from its teacher alone."),
        Mistake("tasks without a teacher skipped", lambda s, t, y, w, T, a: _sum_of(_task_parts({k: z for k, z in s.items() if k in t}, t, y, T, a), w),
                "A task without a teacher adds nothing in your value. It can learn from its labels alone."),
        Mistake("alpha on the wrong term", lambda s, t, y, w, T, a: _sum_of(_task_parts(s, t, y, T, 1 - a), w),
                "You weigh the cross-entropy by alpha. In this course alpha weighs the distillation term."),
        Mistake("no T²", lambda s, t, y, w, T, a: _sum_of({k: _one(z, t.get(k), y.get(k), T, a) - (1 - 1 / T**2) * (0.0 if k not in t else (a if k in y else 1.0) * distill.kd_loss(z, t[k], T)) for k, z in s.items()}, w),
                "The distillation terms miss their T²."),
        Mistake("one task only", lambda s, t, y, w, T, a: _sum_of(dict([next(iter(_task_parts(s, t, y, T, a).items()))]), w),
                "Only the first task counts in your value."),
        Mistake("one loss a task", lambda s, t, y, w, T, a: {k: w[k] * part for k, part in _task_parts(s, t, y, T, a).items()},
                "You return a loss for each task. Their sum is wanted."),
        Mistake("teachers in the graph", _attached_teachers,
                "The value is right, but gradients flow back into the teachers. Detach their logits."),
    ],
    styles={
        "parts and a weighted sum": lambda s, t, y, w, T, a: sum(w[k] * _one(z, t.get(k), y.get(k), T, a) for k, z in s.items()),
        "everything by hand": _by_hand,
        "a share for the teacher": _by_kl_div,
    },
    hints=(
        "Go through the student's tasks. Each has a teacher, labels, or both.",
        "Both: (1 - alpha) times the cross-entropy plus alpha times the distillation loss. One: that one alone, in full.",
        "Multiply each task's loss by its weight and add them up. `task in labels` tells whether there are labels.",
    ),
)  # fmt: skip


# --- stage_without_labels -------------------------------------------------------------------------------------------

stage_without_labels = Exercise(
    reference="pre-train on the teacher",
    mistakes=[
        Mistake("the mixed loss", "distil",
                "That stage mixes the teacher with the labels, so each of its pictures needs one."),
        Mistake("the second stage", "fine-tune on labels", "That stage asks nobody but the labels."),
        Mistake("the ordinary student", "train on labels", "That stage asks nobody but the labels."),
        Mistake("a regime, not a stage", "pre-train then fine-tune",
                "That is a regime of two stages. Which of the two works without labels?"),
        Mistake("the whole fine-tuning", "fine-tune with teacher",
                "That is a regime, and both of its stages look at labels."),
    ],
    styles={
        "the name": "pre-train on the teacher",
        "joined": " ".join(["pre-train", "on", "the", "teacher"]),
        "read off a stage": distill.pretrain_then_finetune(2)[0].name,
    },
    hints=(
        "Look at the two columns of the table above: what each stage asks.",
        "A picture without a label can be shown to a teacher, but cross-entropy needs the label.",
        "One stage of the four has no cross-entropy in its loss.",
    ),
)  # fmt: skip


# --- what_the_loop_trains -------------------------------------------------------------------------------------------

what_the_loop_trains = Exercise(
    reference="labels, gradients summed",
    mistakes=[
        Mistake("what the title says", "teacher and labels",
                "Put another teacher in, and not one bit of the student changes. Whatever it learns from, it is not the teacher."),
        Mistake("the teacher alone", "teacher alone",
                "Put another teacher in, and not one bit of the student changes."),
        Mistake("one fault seen", "labels, fresh gradients",
                "The labels, yes. But is there a line that sets the gradients to zero before `backward`?"),
        Mistake("the other fault seen", "teacher, gradients summed",
                "The gradients do pile up. But look where the teacher's output goes after it was computed."),
        Mistake("nothing at all", "nothing",
                "It does learn, and better than chance. From what?"),
    ],
    styles={
        "the offered choice": "labels, gradients summed",
        "joined": ", ".join(["labels", "gradients summed"]),
        "formatted": "{}, gradients {}".format("labels", "summed"),
    },
    hints=(
        "Two questions: does the loss mention the teacher's output? What does `backward` do with gradients that are there already?",
        "The experiment changes the teacher and looks whether the student changes.",
        "`backward` adds. Nothing in the loop takes away.",
    ),
)  # fmt: skip
