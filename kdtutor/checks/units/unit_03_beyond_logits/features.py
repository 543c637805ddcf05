"""Hints and attention: what the layers in between compute."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.inputs import logits
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_03_beyond_logits.shared import (
    TEACHER_IN_THE_GRAPH,
    feature_pairs,
    spares_the_teacher,
    trains,
    value_and_gradient,
)

# --- hint_loss --------------------------------------------------------------------------------------------------------


def _hint_by_loop(s: Tensor, t: Tensor) -> Tensor:
    gaps = [(a - b) ** 2 for a, b in zip(s.flatten(), t.detach().flatten(), strict=True)]
    return torch.stack(gaps).sum() / len(gaps)


hint_loss = Exercise(
    reference=distill.hint_loss,
    inputs=feature_pairs([((4, 7), (4, 7)), ((1, 2), (1, 2)), ((3, 2, 4, 5), (3, 2, 4, 5))]),
    example=(torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]])),
    observe=value_and_gradient,
    laws=[
        trains(),
        Law("is zero when student and teacher agree", lambda f, g: near(f(x := logits(g, 3, 4), x), 0.0),
            "Nothing is left to learn there."),
        Law("is four times as large for twice the gap",
            lambda f, g: near(f(2 * (x := logits(g, 3, 4)), torch.zeros(3, 4)), 4 * f(x, torch.zeros(3, 4))),
            "The gap is squared."),
        spares_the_teacher(),
    ],
    mistakes=[
        Mistake("summed", lambda s, t: ((s - t.detach()) ** 2).sum(),
                "You sum over all entries, so the loss grows with the batch and with the layer. Take the mean."),
        Mistake("half the sum", lambda s, t: 0.5 * ((s - t.detach()) ** 2).sum(),
                "Half the sum of squares is the paper's equation 3. Here the mean over all entries is asked for."),
        Mistake("averaged over the batch alone", lambda s, t: ((s - t.detach()) ** 2).sum() / len(s),
                "You divide by the number of samples only. The mean runs over every entry, features too."),
        Mistake("not squared", lambda s, t: (s - t.detach()).abs().mean(),
                "Your value is the mean absolute gap. Square the gaps."),
        Mistake("square root", lambda s, t: ((s - t.detach()) ** 2).mean().sqrt(),
                "You take the root of the mean. Its slope does not fade as the student gets close."),
        Mistake("unit length first", lambda s, t: F.mse_loss(F.normalize(s.flatten(1)), F.normalize(t.detach().flatten(1))),
                "You bring the features to unit length first. A hint compares them as they are."),
        Mistake("teacher in the graph", lambda s, t: ((s - t) ** 2).mean(), TEACHER_IN_THE_GRAPH),
        Mistake("one loss a sample", lambda s, t: ((s - t.detach()) ** 2).flatten(1).mean(1),
                "You return one value a sample. The loss is one number for the batch."),
    ],
    styles={
        "F.mse_loss": lambda s, t: F.mse_loss(s, t.detach()),
        "a squared length": lambda s, t: torch.linalg.vector_norm((s - t.detach()).flatten()) ** 2 / s.numel(),
        "an inner product": lambda s, t: torch.dot((s - t.detach()).reshape(-1), (s - t.detach()).reshape(-1)) / t.numel(),
        "entry by entry": _hint_by_loop,
    },
    hints=(
        "It is the mean squared error of what you know from regression, with the teacher's features as the targets.",
        "The mean divides by the number of all entries, tensor.numel(), whatever the shape.",
        "Detach the teacher, subtract, square, take the mean without an axis.",
    ),
)  # fmt: skip

# --- attention_map ----------------------------------------------------------------------------------------------------


def _attention_map(features: Tensor) -> Tensor:
    return distill.attention_map(features)


def _energy(f: Tensor) -> Tensor:
    return (f**2).sum(1).flatten(1)


def _maps(g: Generator) -> list[Any]:
    shapes = [(3, 4, 2, 5), (1, 2, 3, 3), (4, 6, 4, 4), (2, 1, 3, 2)]
    return [(logits(g, *shape, scale=scale),) for shape in shapes for scale in (1.0, 5.0)]


_DARK = torch.stack([torch.zeros(2, 1, 2), torch.tensor([[[3.0, 0.0]], [[0.0, 2.0]]])])


def _map_of_a_dark_sample(f: Solution, g: Generator) -> bool:
    return near(f(_DARK), torch.tensor([[0.0, 0.0], [9 / math.sqrt(97), 4 / math.sqrt(97)]]))


def _attention_by_loop(features: Tensor) -> Tensor:
    rows = []
    for sample in features:
        energy = torch.zeros(sample[0].numel())
        for channel in sample:
            energy = energy + channel.reshape(-1) * channel.reshape(-1)
        length = math.sqrt(float((energy * energy).sum()))
        rows.append(energy / length if length > 0 else energy)
    return torch.stack(rows)


attention_map = Exercise(
    reference=_attention_map,
    inputs=_maps,
    example=(torch.tensor([[[[1.0, 0.0]], [[-1.0, 1.0]]]]),),
    laws=[
        Law("has rows of length 1", lambda f, g: near(f(logits(g, 4, 3, 2, 2)).norm(dim=1), torch.ones(4)),
            "Divide each row by its Euclidean length."),
        Law("does not change when the features are made 100 times larger",
            lambda f, g: near(f(100 * (x := logits(g, 2, 3, 2, 4))), f(x)),
            "Only the pattern counts: the length is divided out."),
        Law("does not change when a channel changes its sign",
            lambda f, g: near(f((x := logits(g, 2, 3, 2, 4)) * torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1)), f(x)),
            "A strong negative response is a response too: square before you sum."),
        Law("is 0 for a sample whose features are all 0", _map_of_a_dark_sample,
            "A sample that a layer does not respond to has length 0, and 0/0 is NaN. F.normalize divides by at least "
            "a tiny number.", edge=True),
    ],
    mistakes=[
        Mistake("not of unit length", _energy,
                "These are the energies. Divide each row by its length, or a louder network is a different one."),
        Mistake("signed sum", lambda f: F.normalize(f.sum(1).flatten(1)),
                "You sum the responses with their signs, so strong ones cancel. Square first, then sum over the channels."),
        Mistake("absolute values", lambda f: F.normalize(f.abs().sum(1).flatten(1)),
                "You sum absolute values. The exponent here is 2: square them."),
        Mistake("summed over positions", lambda f: F.normalize((f**2).flatten(2).sum(2)),
                "You sum over the positions and keep the channels, (N, C). A map says where: sum over the channels."),
        Mistake("largest channel", lambda f: F.normalize((f**2).amax(1).flatten(1)),
                "You keep the strongest channel at each position. All channels count: sum them."),
        Mistake("sums to 1", lambda f: (e := _energy(f)) / e.sum(1, keepdim=True).clamp_min(1e-12),
                "Your rows sum to 1. They are to have Euclidean length 1: the squares sum to 1."),
        Mistake("softmax over positions", lambda f: _energy(f).softmax(1),
                "You take a softmax. The map is the energy divided by its length, without exponentials."),
        Mistake("one length for the batch", lambda f: (e := _energy(f)) / e.norm().clamp_min(1e-12),
                "You divide by the length of the whole batch. Every sample has a length of its own."),
        Mistake("still a picture", lambda f: F.normalize(_energy(f)).reshape(len(f), *f.shape[2:]),
                "You return (N, H, W). The positions are wanted as one vector a sample, (N, H·W)."),
        Mistake("nothing over nothing", lambda f: (e := _energy(f)) / e.norm(dim=1, keepdim=True),
                "Right wherever something responds. A sample whose features are all 0 has length 0, and 0/0 is NaN."),
    ],
    styles={
        "F.normalize": lambda f: F.normalize(f.pow(2).sum(1).flatten(1), dim=1),
        "mean over channels": lambda f: F.normalize(f.square().mean(dim=1).reshape(len(f), -1)),
        "einsum": lambda f: F.normalize(torch.einsum("nchw,nchw->nhw", f, f).flatten(1)),
        "sample by sample": _attention_by_loop,
    },
    hints=(
        "Three steps: how strong is the response at each position, as one vector, of length 1.",
        "Square the features and sum over axis 1, the channels; then flatten what is left from axis 1 on.",
        "torch.nn.functional.normalize(rows, dim=1) divides each row by its length, and leaves a row of zeros alone.",
    ),
)  # fmt: skip
