"""The moment at which a streaming model has heard enough."""

import torch
from torch import Generator, Tensor

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_11_speech.shared import Case

Answer = tuple[Tensor, Tensor]


def _answer_when_sure(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    return _chosen_at(logits, _first(_sure(logits, threshold) | _ends(logits, counts)))


def _sure(logits: Tensor, threshold: float) -> Tensor:
    return logits.softmax(-1).amax(-1) >= threshold


def _ends(logits: Tensor, counts: Tensor) -> Tensor:
    return torch.arange(1, logits.shape[1] + 1) >= counts[:, None]


def _first(stops: Tensor) -> Tensor:
    return stops.int().argmax(1)


def _chosen_at(logits: Tensor, t: Tensor) -> Answer:
    return logits[torch.arange(len(logits)), t].argmax(-1), t + 1


def _cases(g: Generator) -> list[Case]:
    cases: list[Case] = []
    for N, T, C, threshold in ((12, 9, 4, 0.8), (8, 6, 3, 0.9), (5, 7, 5, 0.999999), (6, 5, 4, 0.3)):
        growing = torch.linspace(0.2, 4, T)[None, :, None]
        logits = growing * torch.randn(N, T, C, generator=g) + torch.randn(N, T, 1, generator=g)
        cases.append((logits, torch.randint(1, T + 1, (N,), generator=g), threshold))
    return cases


def _by_loop(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    labels, frames = [], []
    for row, count in zip(logits.softmax(-1), counts.tolist(), strict=True):
        t = 0
        while t < count - 1 and row[t].max() < threshold:
            t += 1
        labels.append(int(row[t].argmax()))
        frames.append(t + 1)
    return torch.tensor(labels), torch.tensor(frames)


def _by_counting(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    best, label = logits.softmax(-1).max(-1)
    not_yet = (best < threshold).cumprod(1).sum(1)
    t = torch.minimum(not_yet, counts - 1)
    return label.gather(1, t[:, None])[:, 0], t + 1


def _by_index_table(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    numbers = torch.arange(1, logits.shape[1] + 1).expand(logits.shape[:2])
    never = torch.full_like(numbers, logits.shape[1])
    frames = torch.where(_sure(logits, threshold), numbers, never).min(1).values.minimum(counts)
    return logits.argmax(-1)[torch.arange(len(logits)), frames - 1], frames


def _last_only(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    return _chosen_at(logits, counts - 1)


def _not_capped(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    stops = _sure(logits, threshold)
    stops[:, -1] = True
    return _chosen_at(logits, _first(stops))


def _never_sure_at_once(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    """argmax of a row without any True is 0: who is never sure answers first of all."""
    heard = torch.arange(logits.shape[1]) < counts[:, None]
    return _chosen_at(logits, _first(_sure(logits, threshold) & heard))


def _last_sure(logits: Tensor, counts: Tensor, threshold: float) -> Answer:
    heard = torch.arange(logits.shape[1]) < counts[:, None]
    places = torch.arange(logits.shape[1]).expand(heard.shape)
    last = torch.where(_sure(logits, threshold) & heard, places, -1).max(1).values
    return _chosen_at(logits, torch.where(last < 0, counts - 1, last))


def _waits_for_the_end(f: Solution, g: Generator) -> bool:
    logits, counts = torch.randn(6, 8, 4, generator=g), torch.tensor([1, 3, 8, 5, 2, 7])
    labels, frames = f(logits, counts, 1.1)
    return bool((frames == counts).all()) and bool((labels == _last_only(logits, counts, 1.1)[0]).all())


answer_when_sure = Exercise(
    reference=_answer_when_sure,
    inputs=_cases,
    example=(torch.tensor([[[0.0, 0.5], [0.0, 2.0], [0.0, 3.0]]]), torch.tensor([3]), 0.8),
    laws=[
        Law("waits for the end where no probability reaches the threshold", _waits_for_the_end,
            "With a threshold that cannot be reached it answers after the last frame that is heard."),
        Law("answers after the first frame where the threshold is 0",
            lambda f, g: near(f(torch.randn(4, 6, 3, generator=g), torch.tensor([6, 2, 1, 4]), 0.0)[1].float(), torch.ones(4)),
            "Frames are counted from 1: after the first frame one frame was heard."),
    ],
    mistakes=[
        Mistake("logits against the threshold", lambda z, n, p: _chosen_at(z, _first((z.amax(-1) >= p) | _ends(z, n))),
                "You compare logits with the threshold. A probability is meant: take a softmax first."),
        Mistake("counted from 0", lambda z, n, p: (_answer_when_sure(z, n, p)[0], _answer_when_sure(z, n, p)[1] - 1),
                "Your frames are counted from 0. After the first frame one frame was heard."),
        Mistake("always at the end", _last_only,
                "You always wait for the end. Answer at the first frame that is sure enough."),
        Mistake("answers from the padding", _not_capped,
                "You go on behind an utterance's end. There is nothing to hear: answer at its last frame at the latest."),
        Mistake("never sure, answers first", _never_sure_at_once,
                "Where no frame is sure, you answer after the first one: argmax of a row without True is 0. The last frame "
                "heard is wanted."),
        Mistake("last sure frame", _last_sure,
                "You take the last frame that is sure. The first one is the point of streaming."),
        Mistake("label of the end", lambda z, n, p: (_last_only(z, n, p)[0], _answer_when_sure(z, n, p)[1]),
                "Your frames are right, but the labels are those of the last frame: by then the answer had been given."),
        Mistake("frames first", lambda z, n, p: _answer_when_sure(z, n, p)[::-1],
                "You return the frames first. Labels first, then frames."),
    ],
    styles={
        "first of a mask": lambda z, n, p: _chosen_at(z, ((torch.softmax(z, -1).max(-1).values >= p) | _ends(z, n)).long().argmax(1)),
        "frame after frame": _by_loop,
        "counting the unsure ones": _by_counting,
        "smallest frame number": _by_index_table,
    },
    hints=(
        "Two reasons to stop at a frame: the largest probability reaches the threshold, or the utterance is over.",
        "Make both into boolean masks of shape (N, T) and join them by |. The first True of each row is the frame.",
        "mask.int().argmax(1) gives the first True, counted from 0. logits[torch.arange(N), t] are the logits there.",
    ),
)  # fmt: skip
