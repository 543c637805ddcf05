"""Small networks with BatchNorm, whose answers tell the two modes apart."""

from torch import Generator, Tensor, nn, rand, randint, randn

from kdtutor.models import seeded


def network(generator: Generator, inputs: int = 5, classes: int = 3, *, training: bool = True) -> nn.Sequential:
    """Linear, BatchNorm with statistics of some other data, ReLU, Linear; weights from the generator."""
    with seeded(int(randint(2**31, (), generator=generator))):
        layers = nn.Sequential(nn.Linear(inputs, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, classes))
        norm = layers[1]
        assert isinstance(norm, nn.BatchNorm1d)
        norm.load_state_dict({"running_mean": randn(6), "running_var": rand(6) + 0.5}, strict=False)
    return layers.train(training)


def modes(model: nn.Module) -> list[bool]:
    """Which parts are in training mode."""
    return [part.training for part in model.modules()]


def statistics(model: nn.Module) -> list[Tensor]:
    """Copies of everything a forward pass in training mode would move."""
    return [buffer.clone() for buffer in model.buffers()]


def same(before: list[Tensor], after: list[Tensor]) -> bool:
    """Whether two lists of tensors are equal, number by number."""
    return all(bool((a == b).all()) for a, b in zip(before, after, strict=True))
