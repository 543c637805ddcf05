"""What may not count: frames behind an utterance's end, and frames that have not been said yet."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_11_speech.shared import Case

# --- mean_over_heard ------------------------------------------------------------------------------------------------


def _heard(states: Tensor, counts: Tensor) -> Tensor:
    return (torch.arange(states.shape[1], device=states.device) < counts[:, None])[..., None]


def _mean_over_heard(states: Tensor, counts: Tensor) -> Tensor:
    return (states * _heard(states, counts)).sum(1) / counts[:, None]


def _states_and_counts(g: Generator) -> list[Case]:
    cases: list[Case] = []
    for N, T, H in ((4, 7, 3), (1, 5, 2), (6, 12, 4)):
        cases.append((torch.randn(N, T, H, generator=g), torch.randint(1, T, (N,), generator=g)))
    return cases


def _by_utterance(states: Tensor, counts: Tensor) -> Tensor:
    return torch.stack([row[:count].mean(0) for row, count in zip(states, counts.tolist(), strict=True)])


def _by_running_sum(states: Tensor, counts: Tensor) -> Tensor:
    return states.cumsum(1)[torch.arange(len(states)), counts - 1] / counts[:, None]


def _by_product(states: Tensor, counts: Tensor) -> Tensor:
    weights = _heard(states, counts)[..., 0].float()
    return torch.einsum("nt,nth->nh", weights / weights.sum(1, keepdim=True), states)


def _end_does_not_matter(f: Solution, g: Generator) -> bool:
    states, counts = torch.randn(3, 6, 2, generator=g), torch.tensor([2, 5, 3])
    behind = ~_heard(states, counts)
    return near(f(states + 100 * behind, counts), f(states, counts))


mean_over_heard = Exercise(
    reference=_mean_over_heard,
    inputs=_states_and_counts,
    example=(torch.tensor([[[1.0], [3.0], [8.0]]]), torch.tensor([2])),
    laws=[
        Law("does not depend on what stands behind the end", _end_does_not_matter,
            "Padding is there because tensors are rectangular. It carries no sound."),
        Law("is the plain mean where every frame is heard",
            lambda f, g: near(f(x := torch.randn(2, 5, 3, generator=g), torch.tensor([5, 5])), x.mean(1)),
            "With counts equal to the number of frames nothing is left out."),
    ],
    mistakes=[
        Mistake("mean over everything", lambda s, n: s.mean(1),
                "You average over all frames, padding too. A short word is then mostly padding."),
        Mistake("padding zeroed, divided by all", lambda s, n: (s * _heard(s, n)).mean(1),
                "The padding is left out of the sum and still counted in the division: short words come out too small."),
        Mistake("sum", lambda s, n: (s * _heard(s, n)).sum(1),
                "You add up and never divide: long words come out larger than short ones."),
        Mistake("last frame heard", lambda s, n: s[torch.arange(len(s)), n - 1],
                "You return the last frame that is heard. The mean over all that are heard is wanted."),
        Mistake("one frame too many", lambda s, n: _mean_over_heard(s, (n + 1).clamp(max=s.shape[1])),
                "You count one frame behind the end. Of n frames the last has the number n - 1."),
        Mistake("one frame too few", lambda s, n: _mean_over_heard(s, (n - 1).clamp_min(1)),
                "You leave out the last frame that is heard."),
        Mistake("one length for all", lambda s, n: s[:, : int(n.max())].mean(1),
                "You cut all utterances at the longest one's end. Each has its own."),
        Mistake("mean over the units", lambda s, n: _mean_over_heard(s, n).mean(-1),
                "One number an utterance is too few: only the axis of time goes."),
    ],
    styles={
        "masked sum": lambda s, n: torch.where(_heard(s, n), s, 0.0).sum(dim=1).div(n.unsqueeze(1)),
        "utterance by utterance": _by_utterance,
        "running sum": _by_running_sum,
        "weights that sum to one": _by_product,
    },
    hints=(
        "Make a mask first: which frames of which utterance are heard? torch.arange(T) against counts.",
        "The mask has shape (N, T); with a last axis of size 1 it multiplies states of shape (N, T, H).",
        "Sum the masked states over axis 1 and divide each row by its own count, counts[:, None].",
    ),
)  # fmt: skip


# --- causal_conv ----------------------------------------------------------------------------------------------------


def _causal_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv1d(F.pad(x.mT, (weight.shape[-1] - 1, 0)), weight, bias).mT


def _convolutions(g: Generator) -> list[Case]:
    sizes = [(2, 7, 3, 4, 3), (1, 5, 2, 2, 5), (3, 6, 4, 1, 2), (2, 9, 3, 3, 4)]
    return [
        (torch.randn(N, T, wide, generator=g), torch.randn(out, wide, k, generator=g), torch.randn(out, generator=g))
        for N, T, wide, out, k in sizes
    ]


def _padded(left: int, right: int, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.conv1d(F.pad(x.mT, (left, right)), weight, bias).mT


def _frame_by_frame(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    k, out = weight.shape[-1], []
    for t in range(x.shape[1]):
        y = bias.expand(len(x), -1)
        for j in range(k):
            if t - (k - 1) + j >= 0:
                y = y + x[:, t - (k - 1) + j] @ weight[:, :, j].T
        out.append(y)
    return torch.stack(out, 1)


def _padded_both_and_cut(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv1d(x.transpose(1, 2), weight, bias, padding=weight.shape[-1] - 1)[..., : x.shape[1]].transpose(1, 2)


def _by_windows(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    before = x.new_zeros(len(x), weight.shape[-1] - 1, x.shape[2])
    windows = torch.cat([before, x], 1).unfold(1, weight.shape[-1], 1)
    return torch.einsum("ntik,oik->nto", windows, weight) + bias


def _later_frames_do_not_matter(f: Solution, g: Generator) -> bool:
    x, w, b = torch.randn(2, 8, 3, generator=g), torch.randn(4, 3, 3, generator=g), torch.randn(4, generator=g)
    changed = torch.cat([x[:, :5], torch.randn(2, 3, 3, generator=g)], 1)
    return near(f(changed, w, b)[:, :5], f(x, w, b)[:, :5])


causal_conv = Exercise(
    reference=_causal_conv,
    inputs=_convolutions,
    example=(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([[[10.0, 1.0]]]), torch.tensor([0.5])),
    laws=[
        Law("does not change before a frame that changes", _later_frames_do_not_matter,
            "What is said after frame t may not depend on a frame that has not been spoken."),
    ],
    mistakes=[
        Mistake("padded on both sides", lambda x, w, b: _padded((w.shape[-1] - 1) // 2, w.shape[-1] // 2, x, w, b),
                "You pad both sides evenly, so an output looks at frames to come. All of the padding belongs before the first."),
        Mistake("padded at the end", lambda x, w, b: _padded(0, w.shape[-1] - 1, x, w, b),
                "You pad behind the last frame: every output looks k - 1 frames ahead. Pad before the first."),
        Mistake("no padding", lambda x, w, b: F.conv1d(x.mT, w, b).mT,
                "You return k - 1 frames too few. The first outputs see zeros where no frame was yet."),
        Mistake("k frames of padding", lambda x, w, b: _padded(w.shape[-1], 0, x, w, b)[:, : x.shape[1]],
                "Your outputs come one frame late: output t sees frame t - 1 and earlier ones. How many frames before t does a "
                "kernel of k reach, if it ends on t itself?"),
        Mistake("kernel turned around", lambda x, w, b: _causal_conv(x, w.flip(-1), b),
                "Your kernel is turned around in time. Its last entry meets the newest frame, as in torch."),
        Mistake("bias forgotten", lambda x, w, b: _padded(w.shape[-1] - 1, 0, x, w, None),
                "The bias is missing."),
        Mistake("channels before frames", lambda x, w, b: _causal_conv(x, w, b).mT,
                "Your axes are exchanged: frames come before channels, (N, T, out), as in x."),
        Mistake("first frame repeated", lambda x, w, b: F.conv1d(F.pad(x.mT, (w.shape[-1] - 1, 0), mode="replicate"), w, b).mT,
                "You repeat the first frame where nothing was said yet. Zeros stand there."),
    ],
    styles={
        "pad, then conv1d": lambda x, w, b: _padded(w.shape[-1] - 1, 0, x, w, b),
        "padded on both sides, then cut": _padded_both_and_cut,
        "windows": _by_windows,
        "frame by frame": _frame_by_frame,
    },
    hints=(
        "Output t reads the frames t - k + 1 to t. How many zeros have to stand before frame 0 so that output 0 exists?",
        "torch's conv1d wants the channels before the time, (N, channels, T): x.mT exchanges the last two axes.",
        "F.pad(tensor, (left, right)) pads the last axis. Pad k - 1 on the left and nothing on the right, then F.conv1d.",
    ),
)  # fmt: skip
