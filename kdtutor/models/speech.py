"""Networks for speech: one that hears an utterance whole, and one that answers while it is being said."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.models.seeding import seeded


class SpeechNetwork(nn.Module):
    """Convolution over time → GRU in both directions → mean over what was heard → linear layer.

    The convolution looks at `kernel` frames around every `stride`-th frame. The GRU reads what it finds from the first
    frame to the last and from the last to the first, so that nothing can be said before the utterance has ended.
    """

    def __init__(self, mels: int, channels: int, hidden: int, classes: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv1d(mels, channels, kernel, stride, padding=kernel // 2)
        self.gru = nn.GRU(channels, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map utterances (N, frames, mels), all zero behind their ends, to logits (N, classes)."""
        states, _ = self.gru(self.conv(x.mT).relu().mT)
        heard = _is_heard(x)[:, :: self.stride, None]
        return self.head((states * heard).sum(1) / heard.sum(1))


class StreamingSpeechNetwork(nn.Module):
    """Causal convolution → GRU in one direction → mean of its states so far → linear layer, after every frame.

    What it says after frame t depends on the frames up to t alone. `conv` has no padding of its own: frames before the
    first are zero.
    """

    def __init__(self, mels: int, channels: int, hidden: int, classes: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(mels, channels, kernel)
        self.gru = nn.GRU(channels, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def states(self, x: Tensor) -> Tensor:
        """Map utterances (N, frames, mels) to the GRU's state after each frame, (N, frames, hidden)."""
        padded = F.pad(x.mT, (self.conv.kernel_size[0] - 1, 0))
        states, _ = self.gru(self.conv(padded).relu().mT)
        return states

    def frame_logits(self, x: Tensor) -> Tensor:
        """What it says after each frame: (N, frames, mels) to (N, frames, classes)."""
        states = self.states(x)
        so_far = torch.arange(1, states.shape[1] + 1, device=x.device)
        return self.head(states.cumsum(1) / so_far[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """What it says at the end: utterances (N, frames, mels), zero behind their ends, to logits (N, classes)."""
        heard = _is_heard(x)[..., None]
        return self.head((self.states(x) * heard).sum(1) / heard.sum(1))


def speech_network(
    channels: int = 32,
    hidden: int = 48,
    classes: int = 10,
    mels: int = 24,
    kernel: int = 11,
    stride: int = 4,
    seed: int | None = None,
) -> SpeechNetwork:
    """A small network after Deep Speech: convolution, GRU in both directions, one answer for an utterance.

    Maps (N, frames, mels), zero behind each utterance's end and not all zero, to logits (N, classes); a kernel of odd
    length is centred on its frame. seed: fixes the initial weights.
    Raises ValueError for a size below 1 or an even kernel.
    Source: Amodei et al., "Deep Speech 2: End-to-End Speech Recognition in English and Mandarin", section 3, 2015
    (convolutions with strides, recurrent layers in both directions); here with one word an utterance and no CTC.
    """
    _require_sizes(channels=channels, hidden=hidden, classes=classes, mels=mels, kernel=kernel, stride=stride)
    if kernel % 2 == 0:
        raise ValueError(f"kernel is {kernel}: an odd number of frames has a middle")
    with seeded(seed):
        return SpeechNetwork(mels, channels, hidden, classes, kernel, stride)


def streaming_speech_network(
    channels: int = 24, hidden: int = 16, classes: int = 10, mels: int = 24, kernel: int = 5, seed: int | None = None
) -> StreamingSpeechNetwork:
    """A smaller network that can answer after every frame, since it never looks ahead.

    Maps (N, frames, mels) to logits (N, classes), its answers at the ends of the utterances; `frame_logits` has all of
    them. seed: fixes the initial weights. Raises ValueError for a size below 1.
    Source: van den Oord et al., "WaveNet: A Generative Model for Raw Audio", section 2.1, 2016 (causal convolution).
    """
    _require_sizes(channels=channels, hidden=hidden, classes=classes, mels=mels, kernel=kernel)
    with seeded(seed):
        return StreamingSpeechNetwork(mels, channels, hidden, classes, kernel)


def _is_heard(x: Tensor) -> Tensor:
    """(N, frames) bool: features are all zero behind an utterance's end and nowhere else."""
    if x.ndim != 3:
        raise ValueError(f"x has shape {tuple(x.shape)}: (N, frames, mels) is needed")
    return (x != 0).any(-1)


def _require_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}: at least 1 is needed")
