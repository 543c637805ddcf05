"""Perceptrons trained side by side whose layers multiply by something made of their weights: rounded, or shared."""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from kdtutor.training.batches import require_rows
from kdtutor.training.fit import fit
from kdtutor.training.history import History
from kdtutor.training.recipe import Recipe
from kdtutor.training.stacked import is_perceptron, require_alike

Seen = Callable[[int, Tensor], Tensor]


class SideBySide(nn.Module):
    """S perceptrons with ReLU as one module: layer i multiplies by seen(i, weights) in the place of `weights`.

    models: alike but for their numbers, as `models.mlp` makes them; their weights are copied, (S, out, in) a layer.
    seen: what gradients pass through, such as `lambda i, w: fake_quantize(w, scales[i], 0, bits)`. extra: parameters
    that `seen` uses and that are trained too (steps, codebooks). Maps (S, B, ...), each network its own samples, to
    logits (S, B, classes). Raises ValueError for models that are no such perceptrons or differ in structure.
    """

    def __init__(self, models: Sequence[nn.Module], seen: Seen, extra: Iterable[nn.Parameter] = ()) -> None:
        super().__init__()
        require_alike(models)
        layers = [list(model.children()) for model in models]
        if not is_perceptron(models[0]) or not all(type(m) in (nn.Flatten, nn.Linear, nn.ReLU) for m in layers[0]):
            raise ValueError("models are no perceptrons with ReLU: those that models.mlp makes are needed")
        self.seen = seen
        of_layer = list(zip(*([m for m in own if isinstance(m, nn.Linear)] for own in layers), strict=True))
        self.weights = nn.ParameterList([torch.stack([m.weight.detach() for m in same]) for same in of_layer])
        self.biases = nn.ParameterList([torch.stack([m.bias.detach() for m in same]) for same in of_layer])
        self.extra = nn.ParameterList(extra)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (S, B, classes)."""
        x = x.flatten(2)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias.unsqueeze(1), x.relu() if number else x, self.seen(number, weight).mT)
        return x

    @torch.no_grad()
    def accuracies(self, inputs: Tensor, labels: Tensor) -> list[float]:
        """Each network's fraction of samples, the same for all, whose largest logit is at their label."""
        logits = self(inputs.expand(len(self.weights[0]), *inputs.shape))
        return (logits.argmax(-1) == labels).double().mean(1).tolist()


def fit_side_by_side(
    networks: SideBySide,
    inputs: Tensor,
    labels: Tensor | Sequence[Tensor],
    recipe: Recipe | None = None,
    *,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
    loss: Callable[..., Tensor] = F.cross_entropy,
) -> History:
    """Train all networks in place, network s on the samples in an order of its own from seeds[s].

    labels: (N,), or all that the loss takes behind the logits, such as (teacher_logits, labels). loss: a mean over
    samples, such as `distillation_loss`; the samples of all networks come as one batch.

    Adaptive optimisers and SGD work on each number alone, so each learns as it would by itself. The history's losses
    are sums over the networks. device: where everything that `seen` uses has to lie as well.
    Raises ValueError for as many seeds or labels as do not fit.
    """
    count = len(networks.weights[0])
    if len(seeds) != count:
        raise ValueError(f"seeds has {len(seeds)} entries for {count} networks: one a network is needed")
    targets = (labels,) if isinstance(labels, Tensor) else tuple(labels)
    require_rows(inputs, targets)
    orders = torch.stack([torch.randperm(len(inputs), generator=Generator().manual_seed(seed)) for seed in seeds])

    def own_samples(index: Tensor, _generator: Generator) -> tuple[Tensor, list[Tensor]]:
        own = orders[:, index.cpu()]
        return inputs[own].to(index.device), [target[own].to(index.device) for target in targets]

    def summed(logits: Tensor, *y: Tensor) -> Tensor:
        return count * loss(logits.flatten(0, 1), *(each.flatten(0, 1) for each in y))

    return fit(networks, inputs, targets, summed, recipe, seed=seeds[0], device=device, views=own_samples)
