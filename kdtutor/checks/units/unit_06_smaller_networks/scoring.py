"""How much a whole neuron matters."""

from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution


def _neuron_scores(weight: Tensor, norm: str = "l1") -> Tensor:
    return prune.neuron_scores(weight, "l2" if norm == "l2" else "l1")


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    shapes = ((5, 7), (4, 3, 3, 3), (1, 6))
    return [(torch.randn(*shape, generator=g), norm) for shape in shapes for norm in ("l1", "l2")]


def _blind_to_signs(f: Solution, g: Generator) -> bool:
    weight = torch.randn(4, 6, generator=g)
    return all(torch.allclose(f(weight, norm), f(-weight.abs(), norm)) for norm in ("l1", "l2"))


def _of_columns(weight: Tensor, norm: str = "l1") -> Tensor:
    return _neuron_scores(weight.movedim(1, 0), norm)


def _root_forgotten(weight: Tensor, norm: str = "l1") -> Tensor:
    rows = weight.flatten(1)
    return rows.square().sum(1) if norm == "l2" else rows.abs().sum(1)


def _mean(weight: Tensor, norm: str = "l1") -> Tensor:
    rows = weight.flatten(1)
    return rows.square().mean(1).sqrt() if norm == "l2" else rows.abs().mean(1)


def _last_axis(weight: Tensor, norm: str = "l1") -> Tensor:
    return weight.square().sum(-1).sqrt() if norm == "l2" else weight.abs().sum(-1)


def _row_by_row(weight: Tensor, norm: str = "l1") -> Tensor:
    values = [sum(abs(w) ** (2 if norm == "l2" else 1) for w in row.flatten().tolist()) for row in weight]
    return torch.tensor([value**0.5 if norm == "l2" else value for value in values])


def _squares_and_sizes(weight: Tensor, norm: str = "l1") -> Tensor:
    axes = tuple(range(1, weight.ndim))
    return weight.square().sum(axes).sqrt() if norm == "l2" else weight.abs().sum(axes)


neuron_scores = Exercise(
    reference=_neuron_scores,
    inputs=_cases,
    example=(torch.tensor([[3.0, -4.0], [1.0, 1.0]]), "l2"),
    laws=[
        Law("does not change when weights change their sign", _blind_to_signs,
            "A large negative weight matters as much as a large positive one."),
    ],
    mistakes=[
        Mistake("signed sum", lambda w, norm="l1": w.flatten(1).sum(1),
                "You add the weights with their signs, so that large positive and negative ones cancel. A norm adds sizes."),
        Mistake("sum, then magnitude", lambda w, norm="l1": w.flatten(1).sum(1).abs(),
                "You take the magnitude of the sum. Weights of opposite sign have cancelled by then."),
        Mistake("columns scored", _of_columns,
                "You score the units that the layer reads. The units it has are the rows: axis 0 of the weight."),
        Mistake("always L1", lambda w, norm="l1": _neuron_scores(w, "l1"),
                "Your score is the L1 norm whatever `norm` says."),
        Mistake("always L2", lambda w, norm="l1": _neuron_scores(w, "l2"),
                "Your score is the L2 norm whatever `norm` says."),
        Mistake("root forgotten", _root_forgotten,
                "For L2 you return the sum of squares; its root is the norm."),
        Mistake("mean for a sum", _mean,
                "You average over the weights of a unit. Within one layer the ranking is the same, the norm is not."),
        Mistake("largest weight alone", lambda w, norm="l1": w.flatten(1).abs().amax(1),
                "You take the largest weight of each unit. All weights of the unit count."),
        Mistake("last axis only", _last_axis,
                "A convolution's filter has three axes beyond the first. You summed over the last one alone."),
    ],
    styles={
        "vector_norm": lambda w, norm="l1": torch.linalg.vector_norm(w.flatten(1), ord=int(norm[1]), dim=1),
        "row by row in Python": _row_by_row,
        "over a tuple of axes": _squares_and_sizes,
    },
    hints=(
        "One number a row: what is the size of the weights that belong to one unit?",
        "weight.flatten(1) has one row a unit, for a Linear layer and for a convolution alike.",
        "L1 adds magnitudes along the row; L2 adds squares and takes the root.",
    ),
)  # fmt: skip
