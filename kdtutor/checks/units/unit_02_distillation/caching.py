"""cache_logits: the teacher's answers, kept under the sample's own number."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_02_distillation.networks import modes, network, same, statistics
from kdtutor.distill import teacher_logits
from kdtutor.distill.teachers import evaluating

Batches = Sequence[tuple[Tensor, Tensor]]


def _cache_logits(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    """The library's cache keeps views and fingerprints as well; this is the part of it that keys by sample."""
    cache = torch.empty(0)
    for index, inputs in batches:
        answers = teacher_logits(teacher, inputs)
        if not len(cache):
            cache = answers.new_empty(samples, answers.shape[1])
        cache[index] = answers
    return cache


def _shuffled(g: Generator, samples: int, batch_size: int) -> Batches:
    x = torch.randn(samples, 5, generator=g)
    return [(index, x[index]) for index in torch.randperm(samples, generator=g).split(batch_size)]


def _cases(g: Generator) -> list[tuple[nn.Module, Batches, int]]:
    sizes = [(8, 3, 4, True), (7, 7, 2, True), (5, 1, 3, False), (12, 4, 6, True)]
    return [(network(g, classes=C, training=mode), _shuffled(g, S, B), S) for S, B, C, mode in sizes]


def _of_a_fresh_teacher(f: Solution, teacher: nn.Module, batches: Batches, samples: int) -> Any:
    return f(deepcopy(teacher), batches, samples)


# --- laws -----------------------------------------------------------------------------------------------------------


def _order_does_not_matter(f: Solution, g: Generator) -> bool:
    teacher, batches = network(g, training=False), _shuffled(g, 9, 2)
    return bool(((f(teacher, batches, 9) - f(teacher, batches[::-1], 9)).abs() < 1e-6).all())


def _no_gradient(f: Solution, g: Generator) -> bool:
    return not f(network(g), _shuffled(g, 6, 2), 6).requires_grad


def _teacher_is_left_as_it_was(f: Solution, g: Generator) -> bool:
    teacher = network(g, training=True)
    before = statistics(teacher)
    f(teacher, _shuffled(g, 6, 2), 6)
    return same(before, statistics(teacher)) and all(modes(teacher))


# --- mistakes -------------------------------------------------------------------------------------------------------


def _by_iteration(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    return torch.cat([teacher_logits(teacher, inputs) for _, inputs in batches])


def _permuted_once_more(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    return _by_iteration(teacher, batches, samples)[torch.cat([index for index, _ in batches])]


def _overwritten(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    answers = [teacher_logits(teacher, inputs) for _, inputs in batches]
    cache = answers[0].new_zeros(samples, answers[0].shape[1])
    for rows in answers:
        cache[: len(rows)] = rows
    return cache


@torch.no_grad()
def _in_training_mode(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    answers = torch.cat([teacher(inputs) for _, inputs in batches])
    return answers[torch.cat([index for index, _ in batches]).argsort()]


def _with_the_graph(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    with evaluating(teacher):
        answers = torch.cat([teacher(inputs) for _, inputs in batches])
    return answers[torch.cat([index for index, _ in batches]).argsort()]


def _left_in_evaluation(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    return _cache_logits(teacher.eval(), batches, samples)


def _sorted_numbers(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    """The numbers are sorted within each batch, the answers are not."""
    return _cache_logits(teacher, [(index.sort().values, inputs) for index, inputs in batches], samples)


# --- styles ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _by_sorting(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    with evaluating(teacher):
        numbers, answers = zip(*((index, teacher(inputs)) for index, inputs in batches), strict=True)
    return torch.cat(answers)[torch.cat(numbers).argsort()]


def _by_a_dictionary(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    said = {}
    for index, inputs in batches:
        for number, row in zip(index.tolist(), teacher_logits(teacher, inputs), strict=True):
            said[number] = row
    return torch.stack([said[number] for number in range(samples)])


def _by_index_copy(teacher: nn.Module, batches: Batches, samples: int) -> Tensor:
    at_rest, cache = deepcopy(teacher).eval(), None
    for index, inputs in batches:
        rows = at_rest(inputs).detach()
        cache = torch.zeros(samples, rows.size(1)) if cache is None else cache
        cache.index_copy_(0, index, rows)
    assert cache is not None
    return cache


cache_logits = Exercise(
    reference=_cache_logits,
    inputs=_cases,
    observe=_of_a_fresh_teacher,
    laws=[
        Law("gives the same cache whatever the order of the batches", _order_does_not_matter,
            "A loader shuffles, and another epoch has another order. A sample's own number does not change."),
        Law("carries no gradient", _no_gradient,
            "A cache with a graph keeps the activations of the whole data set in memory."),
        Law("leaves the teacher as it was", _teacher_is_left_as_it_was,
            "Its mode and its running statistics should be what they were."),
    ],
    mistakes=[
        Mistake("by iteration", _by_iteration,
                "Your rows stand in the order in which the loader happened to deliver them. Row n should belong to sample "
                "n, and the loader tells you each sample's number."),
        Mistake("permuted once more", _permuted_once_more,
                "You use the numbers, but the wrong way round: answers[index] picks rows where cache[index] = answers puts "
                "them in place."),
        Mistake("overwritten by every batch", _overwritten,
                "Every batch is written to the first rows again; only the last one remains."),
        Mistake("sorted numbers", _sorted_numbers,
                "You sort a batch's numbers but leave its inputs as they are: within a batch they no longer match."),
        Mistake("teacher in training mode", _in_training_mode,
                "The rows are in place, but the teacher answered in training mode: what it says about a sample then depends "
                "on the batch that the sample came in."),
        Mistake("teacher in the graph", _with_the_graph,
                "The numbers are right, but the cache carries a graph: the activations of the whole data set stay in memory."),
        Mistake("left in evaluation mode", _left_in_evaluation,
                "The cache is right, but the teacher came in training mode and is in evaluation mode now."),
        Mistake("probabilities kept", lambda teacher, b, n: _cache_logits(teacher, b, n).softmax(-1),
                "You keep probabilities. From logits every temperature can still be made."),
    ],
    styles={"sorted at the end": _by_sorting, "a dictionary": _by_a_dictionary, "index_copy_": _by_index_copy},
    hints=(
        "The loader shuffles, so the third batch of one epoch is not the third batch of the next. What stays the same?",
        "Make a tensor with one row for every sample, and write each batch's answers to the rows that its numbers name.",
        "The number of classes is known once the teacher has answered for the first time: make the tensor then. "
        "cache[index] = answers writes several rows at once.",
    ),
)  # fmt: skip
