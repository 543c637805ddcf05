"""Models whose layers share channels in every way that can be followed, settled away from their start."""

import torch
import torch.nn.functional as F
from torch import nn

from kdtutor.prune import keep_channels


class Block(nn.Module):
    """A residual block; with a change of width or stride the skip connection is a convolution."""

    def __init__(self, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(out)
        self.skip = (
            nn.Identity() if into == out else nn.Sequential(nn.Conv2d(into, out, 1, stride), nn.BatchNorm2d(out))
        )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.skip(x)
        return out.relu()


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.blocks = nn.Sequential(Block(6, 6), Block(6, 8, stride=2), Block(8, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Inverted(nn.Module):
    """Expand, filter each channel by itself, gate, project, add: the block of small mobile networks."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(4, 12, 1)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.norm = nn.BatchNorm2d(12)
        self.squeeze = nn.Conv2d(12, 3, 1)
        self.excite = nn.Conv2d(3, 12, 1)
        self.project = nn.Conv2d(12, 4, 1)

    def forward(self, x):
        y = F.hardswish(self.norm(self.depthwise(F.relu6(self.expand(x)))))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        return x + self.project(y * gate)


class Reshaped(nn.Module):
    """Maps become rows, rows one vector, that a column and back: each channel keeps its six positions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.middle, self.out = nn.Conv2d(1, 5, (2, 1)), nn.Conv1d(5, 4, 1), nn.Linear(24, 2)

    def forward(self, x):
        rows = self.middle(self.conv(x).flatten(2))
        return self.out(rows.reshape(x.size(0), -1).view(x.size(0), -1, 1).flatten(1))


class Tokens(nn.Module):
    """The feed-forward part of a transformer: normalisation fixes the stream, the inside is free."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.wide = nn.Linear(6, 10)
        self.narrow = nn.Linear(10, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(x + self.narrow(F.gelu(self.wide(self.norm(x)))))


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 6), nn.GELU(), nn.Linear(6, 3))


def flattened_norm() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 2))


def one_dimension() -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.InstanceNorm1d(4, affine=True), nn.Conv1d(4, 2, 1))


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5)),
        *(nn.Conv2d(6, 8, 2), nn.PReLU(8), nn.AvgPool2d(1), nn.Flatten()),
        *(nn.Linear(32, 10), nn.BatchNorm1d(10), nn.Tanh(), nn.Linear(10, 4)),
    )


MODELS = {
    "perceptron": (perceptron, (7,)),
    "convolutional": (convolutional, (1, 8, 8)),
    "residual": (Residual, (1, 8, 8)),
    "inverted": (lambda: nn.Sequential(nn.Conv2d(1, 4, 1), Inverted(), nn.Conv2d(4, 2, 1)), (1, 5, 5)),
    "reshaped": (Reshaped, (1, 3, 3)),
    "tokens": (Tokens, (4, 6)),
    "flattened norm": (flattened_norm, (1, 3, 3)),
    "one dimension": (one_dimension, (2, 9)),
}


def settled(build, shape, device="cpu"):
    """The model in float64 with BatchNorm statistics away from their start, and a batch for it."""
    torch.manual_seed(1)
    model = build().double()
    x = torch.randn(4, *shape, dtype=torch.float64)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.to(device).eval(), x.to(device)


def free(groups):
    return {name: group for name, group in groups.items() if group.fixed is None}


def random_keeps(groups, sparsity, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: keep_channels(torch.rand(group.channels, generator=generator), sparsity)
        for name, group in free(groups).items()
    }
