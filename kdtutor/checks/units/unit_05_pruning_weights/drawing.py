"""Which weights stay: any, drawn fairly. The control."""

from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.magnitude import mask_by_sorting
from kdtutor.checks.units.unit_05_pruning_weights.networks import draw

_DRAWS = 10


def _random_mask(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    return prune.random_mask(weight, sparsity, generator)


def _same_state(generator: Generator) -> Generator:
    copied = torch.Generator()
    copied.set_state(generator.get_state())
    return copied


def _many_draws(f: Solution, weight: Tensor, sparsity: float, generator: Generator) -> dict[str, Any]:
    """What must be so whichever entries were drawn: kind and shape, the number removed, and that it is always that."""
    own = _same_state(generator)
    masks = [f(weight, sparsity, own) for _ in range(_DRAWS)]
    if not all(isinstance(mask, Tensor) and mask.numel() for mask in masks):
        return {"value": masks[0]}
    gone = [int((mask == 0).sum()) for mask in masks]
    return {
        "value": torch.zeros_like(masks[0]),
        "share removed": torch.tensor(sum(gone) / (_DRAWS * weight.numel())),
        "same number removed each time": all(count == round(sparsity * weight.numel()) for count in gone),
    }


def _repeated(f: Solution, g: Generator) -> bool:
    weight = draw(g, 6, 7)
    with torch.random.fork_rng(devices=[]):
        first, second = (f(weight, 0.5, Generator().manual_seed(7)) for _ in range(2))
    return bool((first == second).all())


def _drawn_anew(f: Solution, g: Generator) -> bool:
    weight, generator = draw(g, 6, 7), Generator().manual_seed(8)
    first, second = f(weight, 0.5, generator), f(weight, 0.5, generator)
    return bool((first != second).any())


def _blind(f: Solution, g: Generator) -> bool:
    first, second = (f(draw(g, 6, 7), 0.5, Generator().manual_seed(7)) for _ in range(2))
    return bool((first == second).all())


def _fair(f: Solution, g: Generator) -> bool:
    """200 draws: each of ten entries goes about three times in ten (the standard deviation is 0.032)."""
    weight, generator = torch.arange(1.0, 11.0), Generator().manual_seed(9)
    gone = torch.stack([f(weight, 0.3, generator) == 0 for _ in range(200)]).double().mean(0)
    return bool(((gone - 0.3).abs() < 0.15).all())


def _coins(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    return torch.rand(weight.shape, generator=generator) >= sparsity


def _drawn_with_repeats(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    mask = torch.ones(weight.numel(), dtype=torch.bool)
    mask[torch.randint(weight.numel(), (round(sparsity * weight.numel()),), generator=generator)] = False
    return mask.view(weight.shape)


def _global_stream(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    return (torch.randperm(weight.numel()) >= round(sparsity * weight.numel())).view(weight.shape)


def _seeded_again(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    return _random_mask(weight, sparsity, Generator().manual_seed(0))


def _random_by_scores(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    return mask_by_sorting(torch.rand(weight.shape, generator=generator), sparsity)


def _random_by_permutation(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    chosen = torch.randperm(weight.numel(), generator=generator)[: round(sparsity * weight.numel())]
    mask = torch.ones_like(weight).flatten()
    mask[chosen] = 0
    return mask.bool().reshape(weight.shape)


def _random_by_shuffling(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    n = weight.numel()
    kept = torch.cat([torch.zeros(round(sparsity * n)), torch.ones(n - round(sparsity * n))]) > 0
    return kept[torch.randperm(n, generator=generator)].view(weight.shape)


def _random_by_multinomial(weight: Tensor, sparsity: float, generator: Generator) -> Tensor:
    mask = torch.zeros(weight.numel(), dtype=torch.bool)
    kept = weight.numel() - round(sparsity * weight.numel())
    mask[torch.multinomial(torch.ones(weight.numel()), kept, generator=generator)] = True
    return mask.view(weight.shape)


random_mask = Exercise(
    reference=_random_mask,
    inputs=lambda g: [(draw(g, *shape), s, g) for shape, s in [((9, 10), 0.5), ((3, 5), 0.25), ((4, 3, 3), 0.8), ((30,), 0.3)]],
    observe=_many_draws,
    rtol=0.15,
    laws=[
        Law("is repeated by a generator in the same state", _repeated,
            "Everything random has to come from the generator that is handed in, or nobody can repeat the experiment."),
        Law("is another mask at the next draw", _drawn_anew,
            "Two calls with one generator should give two different masks."),
        Law("does not look at the weights", _blind,
            "The same generator should give the same mask for any weights of that shape."),
        Law("gives every entry the same chance", _fair,
            "Some entries go more often than others."),
    ],
    mistakes=[
        Mistake("a coin for each weight", _coins,
                "You decide about each weight by itself, so the number removed varies. Exactly round(sparsity · n) go: draw an "
                "order, then take the first so many."),
        Mistake("drawn with repeats", _drawn_with_repeats,
                "You draw positions that may repeat, so fewer are removed. A permutation has each position once."),
        Mistake("torch's own stream", _global_stream,
                "You draw from torch's global generator. Use the one that is handed in, or the control cannot be repeated."),
        Mistake("the same mask every time", _seeded_again,
                "Every call gives the same mask. Draw from the generator that is handed in, and do not seed it: each draw moves it "
                "on."),
        Mistake("magnitude after all", lambda w, s, g: prune.magnitude_mask(w, s),
                "You remove the smallest weights. This mask is the control: it must not look at the weights."),
        Mistake("share kept", lambda w, s, g: _random_mask(w, 1 - s, g),
                "You keep the share that should go: sparsity is the fraction removed."),
        Mistake("numbers for a mask", lambda w, s, g: _random_mask(w, s, g).float(),
                "Your mask holds zeros and ones of a floating type. A boolean tensor is wanted."),
    ],
    styles={
        "random scores, sorted": _random_by_scores,
        "a permutation's first entries": _random_by_permutation,
        "a shuffled mask": _random_by_shuffling,
        "multinomial": _random_by_multinomial,
    },
    hints=(
        "The number that goes is fixed. Which ones go is drawn.",
        "torch.randperm(n, generator=generator) is a fair order of all positions, each of them once.",
        "The positions that come first in that order go; how many is round(sparsity · n). Then the weight's shape again.",
    ),
)  # fmt: skip
