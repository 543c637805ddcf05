"""Which layer minds being pruned: one layer at a time, everything else left whole."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from torch import Tensor, nn

from kdtutor.prune.arguments import parameters_of, require_number, require_sparsity
from kdtutor.prune.masked_training import masked_copy, prunable_weights
from kdtutor.prune.masks import magnitude_mask

Scan = dict[str, dict[float, float]]


def sensitivity_scan(
    model: nn.Module,
    evaluate: Callable[[nn.Module], float],
    sparsities: Sequence[float],
    layers: Iterable[str] | None = None,
    *,
    mask: Callable[[Tensor, float], Tensor] = magnitude_mask,
) -> Scan:
    """Score of the model with one weight pruned at a time, for each sparsity.

    evaluate: takes a model, returns a number (accuracy, loss). It gets a copy each time, so the model stays untouched
    whatever it does. layers: parameter names ("0.weight"); by default all of `prunable_weights`. mask: makes a mask
    from weight and sparsity. Returns table[name][sparsity]. Nothing is retrained in between.
    Raises ValueError for no sparsities, one outside [0, 1], or a name that the model lacks.
    Source: Li, Kadav, Durdanovic, Samet, Graf, "Pruning Filters for Efficient ConvNets", section 3.2, 2017.
    """
    if len(sparsities) == 0:
        raise ValueError("sparsities is empty: at least one fraction is needed")
    for sparsity in sparsities:
        require_sparsity(sparsity, "sparsities")
    weights = prunable_weights(model) if layers is None else parameters_of(model, layers, "layers")
    return {
        name: {sparsity: float(evaluate(masked_copy(model, {name: mask(weight, sparsity)}))) for sparsity in sparsities}
        for name, weight in weights.items()
    }


def sparsities_from_scan(table: Mapping[str, Mapping[float, float]], lowest: float) -> dict[str, float]:
    """Each layer's largest sparsity up to which every score of the scan stays at `lowest` or above; 0 if none does.

    table: as `sensitivity_scan` returns it, of a score where more is better. Returns name → sparsity, the form that
    `layer_magnitude_masks` takes. Layers pruned together hurt more than each alone: evaluate the result again.
    """
    require_number("lowest", lowest, -float("inf"), float("inf"), "a finite score is needed")
    chosen = {}
    for name, scores in table.items():
        chosen[name] = 0.0
        for sparsity in sorted(scores):
            if not scores[sparsity] >= lowest:
                break
            chosen[name] = sparsity
    return chosen
