"""Neurons taken out of the layer that has them and of the one that reads them."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_06_smaller_networks.networks import drawn, first_ones, mask_keeping, numbers

Pair = tuple[nn.Linear, nn.Linear]


def _remove_neurons(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    return prune.remove_neurons(first, second, keep)


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    sizes = ((4, 6, 3, 4), (3, 5, 5, 2), (2, 7, 1, 3))
    return [
        (drawn(nn.Linear(inputs, hidden), g), drawn(nn.Linear(hidden, out), g), mask_keeping(g, hidden, kept))
        for inputs, hidden, out, kept in sizes
    ]


def _new_and_old(f: Solution, first: nn.Linear, second: nn.Linear, keep: Tensor) -> dict[str, Any]:
    own = copy.deepcopy((first, second))
    answer = f(*own, keep)
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return {"value": answer}
    new = [numbers(layer) for layer in answer]
    return {"value": "two layers", "first": new[0], "second": new[1], "originals": [numbers(layer) for layer in own]}


def _same_where_silent(f: Solution, g: Generator) -> bool:
    first, second, keep = _cases(g)[0]
    with torch.no_grad():
        first.weight[~keep], first.bias[~keep] = 0.0, 0.0
        x = torch.randn(5, 4, generator=g)
        whole = second(first(x).relu())
        small, reader = f(copy.deepcopy(first), copy.deepcopy(second), keep)
        return torch.allclose(reader(small(x).relu()), whole, atol=1e-5)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight, layer.bias = nn.Parameter(weight.detach().clone()), nn.Parameter(bias.detach().clone())
    return layer


def _masked(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    return _linear(first.weight * keep[:, None], first.bias * keep), _linear(second.weight * keep, second.bias)


def _reader_whole(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    return _remove_neurons(first, second, keep)[0], copy.deepcopy(second)


def _bias_whole(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    small, reader = _remove_neurons(first, second, keep)
    small.bias = copy.deepcopy(first.bias)
    return small, reader


def _numbers_left(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    small, reader = _remove_neurons(first, second, keep)
    small.out_features, reader.in_features = first.out_features, second.in_features
    return small, reader


def _originals_cut(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    first.weight, first.bias = nn.Parameter(first.weight.detach()[keep]), nn.Parameter(first.bias.detach()[keep])
    second.weight = nn.Parameter(second.weight.detach()[:, keep])
    first.out_features = second.in_features = int(keep.sum())
    return first, second


def _other_columns(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    return _remove_neurons(first, second, keep)[0], _remove_neurons(first, second, first_ones(keep))[1]


def _by_copying(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    kept = int(keep.sum())
    small, reader = nn.Linear(first.in_features, kept), nn.Linear(kept, second.out_features)
    with torch.no_grad():
        small.weight.copy_(first.weight[keep])
        small.bias.copy_(first.bias[keep])
        reader.weight.copy_(second.weight[:, keep])
        reader.bias.copy_(second.bias)
    return small, reader


def _by_copies_cut(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    return _originals_cut(copy.deepcopy(first), copy.deepcopy(second), keep)


def _by_index(first: nn.Linear, second: nn.Linear, keep: Tensor) -> Pair:
    chosen = keep.nonzero().flatten()
    return (
        _linear(first.weight.index_select(0, chosen), first.bias.index_select(0, chosen)),
        _linear(second.weight.index_select(1, chosen), second.bias),
    )


remove_neurons = Exercise(
    reference=_remove_neurons,
    inputs=_cases,
    observe=_new_and_old,
    laws=[
        Law("leaves the outputs as they were where the removed neurons were silent", _same_where_silent,
            "Neurons with zero weights and zero bias contribute nothing; without them the second layer says the same."),
    ],
    mistakes=[
        Mistake("set to zero, not removed", _masked,
                "Your layers have their old shapes: the neurons are zero and are still computed. Make smaller tensors."),
        Mistake("mask inverted", lambda f, s, keep: _remove_neurons(f, s, ~keep),
                "You remove the neurons that should stay. True means kept."),
        Mistake("reader left whole", _reader_whole,
                "The second layer still expects the old number of inputs. Which of its columns belong to the neurons that are gone?"),
        Mistake("bias left whole", _bias_whole,
                "The first layer's bias has an entry for every neuron that it had. It loses the same entries as the weight's rows."),
        Mistake("number kept, not which", lambda f, s, keep: _remove_neurons(f, s, first_ones(keep)),
                "As many neurons are left as should be, but the first ones, not the ones that the mask keeps."),
        Mistake("reader keeps other columns", _other_columns,
                "The second layer has the right shape and the wrong columns: neuron j of the first layer is its column j."),
        Mistake("sizes not updated", _numbers_left,
                "The tensors are right; out_features of the first and in_features of the second still tell the old width."),
        Mistake("originals cut", _originals_cut,
                "You cut the layers that were handed in, so the large network is gone. Return new ones."),
    ],
    styles={
        "new layers, values copied": _by_copying,
        "copies cut to size": _by_copies_cut,
        "indices in the place of the mask": _by_index,
    },
    hints=(
        "A neuron is a row of the first weight, an entry of the first bias and a column of the second weight.",
        "nn.Linear(inputs, outputs) makes a layer of the new size; under torch.no_grad() its .weight.copy_(...) takes the values.",
        "weight[keep] takes rows, weight[:, keep] takes columns. The second bias belongs to other units: it stays.",
    ),
)  # fmt: skip
