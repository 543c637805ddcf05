"""Perceptrons."""

from itertools import pairwise

from torch import nn

from kdtutor.models.seeding import seeded


def mlp(*widths: int, seed: int | None = None) -> nn.Sequential:
    """A perceptron: Flatten, then Linear layers of the given widths with ReLU between them.

    widths: inputs, hidden units of each layer, classes; at least two. seed: fixes the initial weights.
    Maps (N, ...) with widths[0] values a sample to logits (N, widths[-1]).
    Raises ValueError for fewer than two widths or one below 1.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths is {widths}: inputs and outputs are needed, each at least 1, as in mlp(256, 64, 36)")
    with seeded(seed):
        layers: list[nn.Module] = [nn.Flatten(), nn.Linear(widths[0], widths[1])]
        for wide, narrow in pairwise(widths[1:]):
            layers += [nn.ReLU(), nn.Linear(wide, narrow)]
    return nn.Sequential(*layers)


def lenet_300_100(classes: int = 10, inputs: int = 784, seed: int | None = None) -> nn.Sequential:
    """The perceptron inputs-300-100-classes on which pruning is measured since LeCun: 266,610 parameters for MNIST.

    Maps (N, ...) with `inputs` values a sample to logits (N, classes). seed: fixes the initial weights.
    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", section III,
    1998; with ReLU as in Han, Mao, Dally, "Deep Compression", section 5, 2016.
    """
    return mlp(inputs, 300, 100, classes, seed=seed)
