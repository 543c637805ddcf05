"""Which layer minds being pruned."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.networks import perceptron, prunable

Scan = dict[str, dict[float, float]]
Evaluate = Callable[[nn.Module], float]
MakeMask = Callable[[Tensor, float], Tensor]


def _sensitivity_scan(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    return prune.sensitivity_scan(model, evaluate, sparsities, mask=make_mask)


def _scan_cases(g: Generator) -> list[tuple[Any, ...]]:
    cases = []
    for widths, sparsities in (((6, 5, 3), [0.9, 0.5, 0.2]), ((4, 6, 5, 2), [0.3, 0.8])):
        x = torch.randn(9, widths[0], generator=g)

        def evaluate(model: nn.Module, x: Tensor = x) -> float:
            with torch.no_grad():
                return float(model(x).softmax(-1)[:, 0].mean())

        cases.append((perceptron(g, *widths), evaluate, sparsities, prune.magnitude_mask))
    return cases


def _table_and_model(f: Solution, model: nn.Module, *arguments: Any) -> dict[str, Any]:
    own = copy.deepcopy(model)
    table = f(own, *arguments)
    afterwards = {name: parameter.detach() for name, parameter in own.named_parameters()}
    names = " ".join(map(str, table)) if isinstance(table, Mapping) else ""
    return {"value": table, "list of names": names, "model afterwards": afterwards}


def _scanned(
    model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask, names: list[str] | None = None
) -> Scan:
    """A loop of our own, on copies; the mistakes are made by handing it something else."""
    table: Scan = {}
    for name in prunable(model) if names is None else names:
        table[name] = {}
        for sparsity in sparsities:
            pruned = copy.deepcopy(model)
            weight = pruned.get_parameter(name)
            with torch.no_grad():
                weight.mul_(make_mask(weight, sparsity))
            table[name][sparsity] = evaluate(pruned)
    return table


def _never_restored(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    table: Scan = {}
    for name in prunable(model):
        weight = model.get_parameter(name)
        table[name] = {}
        for sparsity in sparsities:
            weight.data = weight.data * make_mask(weight.data, sparsity)
            table[name][sparsity] = evaluate(model)
    return table


def _restored_once_a_layer(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    table: Scan = {}
    for name in prunable(model):
        pruned = copy.deepcopy(model)
        weight = pruned.get_parameter(name)
        table[name] = {}
        for sparsity in sparsities:
            weight.data = weight.data * make_mask(weight.data, sparsity)
            table[name][sparsity] = evaluate(pruned)
    return table


def _layers_pile_up(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    scores: dict[float, dict[str, float]] = {}
    for sparsity in sparsities:
        pruned = copy.deepcopy(model)
        scores[sparsity] = {}
        for name in prunable(model):
            weight = pruned.get_parameter(name)
            weight.data = weight.data * make_mask(weight.data, sparsity)
            scores[sparsity][name] = evaluate(pruned)
    return {name: {sparsity: scores[sparsity][name] for sparsity in sparsities} for name in prunable(model)}


def _all_at_once(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    scores = {}
    for sparsity in sparsities:
        pruned = copy.deepcopy(model)
        for name in prunable(model):
            weight = pruned.get_parameter(name)
            weight.data = weight.data * make_mask(weight.data, sparsity)
        scores[sparsity] = evaluate(pruned)
    return {name: dict(scores) for name in prunable(model)}


def _drops(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    whole = evaluate(model)
    return {
        n: {s: whole - v for s, v in row.items()} for n, row in _scanned(model, evaluate, sparsities, make_mask).items()
    }


def _transposed(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Any:
    table = _scanned(model, evaluate, sparsities, make_mask)
    return {sparsity: {name: row[sparsity] for name, row in table.items()} for sparsity in sparsities}


def _scan_with_undo(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    table: Scan = {}
    for name, weight in model.named_parameters():
        if not name.endswith("weight"):
            continue
        whole, row = weight.detach().clone(), {}
        for sparsity in sparsities:
            with torch.no_grad():
                weight.copy_(whole * make_mask(whole, sparsity))
                row[sparsity] = evaluate(model)
                weight.copy_(whole)
        table[name] = row
    return table


def _scan_by_modules(model: nn.Module, evaluate: Evaluate, sparsities: list[float], make_mask: MakeMask) -> Scan:
    def score(name: str, sparsity: float) -> float:
        pruned = copy.deepcopy(model)
        layer = pruned.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        layer.weight.data[~make_mask(layer.weight.data, sparsity)] = 0
        return evaluate(pruned)

    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return {f"{name}.weight": {sparsity: score(name, sparsity) for sparsity in sparsities} for name in linear}


sensitivity_scan = Exercise(
    reference=_sensitivity_scan,
    inputs=_scan_cases,
    observe=_table_and_model,
    mistakes=[
        Mistake("never restored", _never_restored,
                "You prune the model itself and never undo it, so every score includes all prunings before it. Work on a copy "
                "for each score."),
        Mistake("restored once a layer", _restored_once_a_layer,
                "Within a layer you prune what the sparsity before has left. Start from the whole weights for each sparsity."),
        Mistake("layers pile up", _layers_pile_up,
                "A layer is scored while those before it are still pruned. One layer at a time, all others whole."),
        Mistake("all layers at once", _all_at_once,
                "You prune all layers together, so every layer gets the same score. Which one minds cannot be seen so."),
        Mistake("mask thrown away", lambda m, e, s, k: _scanned(m, e, s, lambda w, _: torch.ones_like(w)),
                "Every score is that of the whole model: your mask never reaches the weights of the model that is evaluated."),
        Mistake("share kept", lambda m, e, s, k: _scanned(m, e, s, lambda w, sparsity: k(w, 1 - sparsity)),
                "You keep the share that should go: sparsity is the fraction removed."),
        Mistake("mask inverted", lambda m, e, s, k: _scanned(m, e, s, lambda w, sparsity: ~k(w, sparsity)),
                "You keep what the mask says goes. True means kept."),
        Mistake("biases scanned too", lambda m, e, s, k: _scanned(m, e, s, k, [name for name, _ in m.named_parameters()]),
                "Your table has rows for biases. They are few and are left alone: only weights of two or more axes."),
        Mistake("drop for a score", _drops,
                "You note how much the score falls. The score itself is wanted."),
        Mistake("rows and columns exchanged", _transposed,
                "Your table reads table[sparsity][name]. It should read table[name][sparsity]."),
    ],
    styles={
        "a copy for each score": _scanned,
        "pruned in place and put back": _scan_with_undo,
        "layers found as modules": _scan_by_modules,
    },
    hints=(
        "Two loops: over the weights with two or more axes (model.named_parameters() has their names), over the sparsities.",
        "For each score take copy.deepcopy(model), so that everything else is whole.",
        "pruned.get_parameter(name) is the copy's weight: multiply its .data by make_mask(weight, sparsity), evaluate the copy.",
    ),
)  # fmt: skip
