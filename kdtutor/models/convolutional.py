"""Networks for pictures."""

from torch import Tensor, nn

from kdtutor.models.seeding import seeded


def cnn(
    channels: int = 24, classes: int = 36, size: int = 16, dropout: float = 0.3, seed: int | None = None
) -> nn.Sequential:
    """A small convolutional network: two blocks of convolution, BatchNorm, ReLU and pooling, then two linear layers.

    channels: of the first block, doubled in the second. size: width and height of the one-channel picture, a multiple
    of 4. Maps (N, 1, size, size) to logits (N, classes). seed: fixes the initial weights.
    Raises ValueError for a size that two poolings cannot halve.
    """
    if size % 4 or size < 4:
        raise ValueError(f"size is {size}: two poolings halve it, so a multiple of 4 is needed")
    with seeded(seed):
        return nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * channels * (size // 4) ** 2, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, classes),
        )


class ResidualBlock(nn.Module):
    """relu(x + norm2(conv2(relu(norm1(conv1(x)))))): what comes out has the shape of what went in.

    Both convolutions are 3 × 3. `width` channels lie between them and belong to this block alone, so they can be
    removed without touching another; the stream's own channels are shared by every block.
    """

    def __init__(self, channels: int, width: int | None = None) -> None:
        super().__init__()
        width = channels if width is None else width
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        inside = self.norm1(self.conv1(x)).relu()
        return (x + self.norm2(self.conv2(inside))).relu()


class ResidualCNN(nn.Module):
    """stem → blocks → head. `blocks` is an nn.Sequential of ResidualBlock: dropping one leaves a network that runs."""

    def __init__(self, channels: int, blocks: int, classes: int, in_channels: int = 1) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, in_channels, H, W) to logits (N, classes)."""
        return self.head(self.blocks(self.stem(x)))


def residual_cnn(
    channels: int = 24, blocks: int = 3, classes: int = 36, in_channels: int = 1, seed: int | None = None
) -> ResidualCNN:
    """A small residual network whose blocks can be dropped and whose inner channels can be removed.

    The stem halves the picture; every block keeps the stream's shape (N, channels, H/2, W/2); the head pools it to
    2 × 2. Maps (N, in_channels, H, W), H and W at least 4, to logits (N, classes). seed: fixes the initial weights.
    Raises ValueError for channels, classes or in_channels below 1, or a negative number of blocks.
    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", section 3.2, 2015.
    """
    for name, value, least in (
        ("channels", channels, 1),
        ("blocks", blocks, 0),
        ("classes", classes, 1),
        ("in_channels", in_channels, 1),
    ):
        if value < least:
            raise ValueError(f"{name} is {value}: at least {least} is needed")
    with seeded(seed):
        return ResidualCNN(channels, blocks, classes, in_channels)
