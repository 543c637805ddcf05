"""Text that a model writes itself: one token after the other, each drawn."""

from collections.abc import Callable

import torch
from torch import Tensor

from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_10_language.shared import Case, Generator

Model = Callable[[Tensor], Tensor]


@torch.no_grad()
def _sample_sequences(model: Model, start: Tensor, length: int, generator: Generator) -> Tensor:
    text = start
    for _ in range(length):
        probs = model(text[:, -2:]).softmax(-1)
        text = torch.cat([text, torch.multinomial(probs, 1, generator=generator)], 1)
    return text


def _certain(V: int, times: int, plus: int) -> Model:
    """A model without doubt: after a, b comes (times · a + b + plus) modulo V."""

    def model(pairs: Tensor) -> Tensor:
        following = (times * pairs[:, 0] + pairs[:, 1] + plus) % V
        return 200 * torch.nn.functional.one_hot(following, V).float()

    return model


def _doubtful(pairs: Tensor) -> Tensor:
    """The next of four tokens: the one after the last with 0.7, the one after that with 0.3."""
    table = torch.full((4, 4), -200.0)
    for last in range(4):
        table[last, (last + 1) % 4], table[last, (last + 2) % 4] = 0.8472979, 0.0
    return table[pairs[:, 1]]


def _cases(g: Generator) -> list[Case]:
    cases: list[Case] = []
    for n, V, length, times, plus in ((3, 7, 6, 2, 1), (1, 5, 1, 3, 0), (4, 11, 9, 1, 4)):
        start = torch.randint(V, (n, 2), generator=g)
        cases.append((_certain(V, times, plus), start, length, torch.Generator().manual_seed(n)))
    return cases


def _frequencies(f: Solution, g: Generator) -> bool:
    """800 rows of 3 draws: 0.7 within five standard deviations."""
    text = f(_doubtful, torch.zeros(800, 2, dtype=torch.int64), 3, torch.Generator().manual_seed(5))
    steps = (text[:, 2:] - text[:, 1:-1]) % 4
    return bool(((steps == 1) | (steps == 2)).all()) and bool(((steps == 1).double().mean(0) - 0.7).abs().max() < 0.08)


def _rows_differ(f: Solution, g: Generator) -> bool:
    text = f(_doubtful, torch.zeros(60, 2, dtype=torch.int64), 6, torch.Generator().manual_seed(8))
    return len({tuple(row) for row in text.tolist()}) > 10


def _generator_decides(f: Solution, g: Generator) -> bool:
    def draw(seed: int) -> Tensor:
        return f(_doubtful, torch.zeros(20, 2, dtype=torch.int64), 8, torch.Generator().manual_seed(seed))

    return torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))


def _by(
    choose: Callable[[Tensor, Generator], Tensor] = lambda probs, g: torch.multinomial(probs, 1, generator=g),
    context: Callable[[Tensor], Tensor] = lambda text: text[:, -2:],
) -> Solution:
    """Sampling with another way to choose a token from probabilities, or another context."""

    def sampled(model: Model, start: Tensor, length: int, generator: Generator) -> Tensor:
        text = start
        for _ in range(length):
            text = torch.cat([text, choose(model(context(text)).softmax(-1), generator)], 1)
        return text

    return sampled


def _one_draw_for_all(probs: Tensor, g: Generator) -> Tensor:
    level = torch.rand(1, generator=g).expand(len(probs), 1)
    return (probs.cumsum(-1) < level).sum(-1, keepdim=True).clamp_max(probs.shape[1] - 1)


def _by_levels(probs: Tensor, g: Generator) -> Tensor:
    level = torch.rand(len(probs), 1, generator=g)
    return torch.searchsorted(probs.cumsum(-1).contiguous(), level).clamp_max(probs.shape[1] - 1)


def _by_noise(probs: Tensor, g: Generator) -> Tensor:
    """The largest of log p + Gumbel noise is a draw from p."""
    noise = -(-torch.rand(probs.shape, generator=g).clamp_min(1e-20).log()).log()
    return (probs.log() + noise).argmax(-1, keepdim=True)


def _filled_in(model: Model, start: Tensor, length: int, generator: Generator) -> Tensor:
    text = torch.zeros(len(start), 2 + length, dtype=torch.int64)
    text[:, :2] = start
    for place in range(2, 2 + length):
        text[:, place] = _by_noise(model(text[:, place - 2 : place]).softmax(-1), generator)[:, 0]
    return text


sample_sequences = Exercise(
    reference=_sample_sequences,
    inputs=_cases,
    laws=[
        Law("draws each token as often as the model says", _frequencies,
            "A token with probability 0.7 comes in seven of ten draws, not always and not as often as any other."),
        Law("draws every sequence for itself", _rows_differ, "Sixty sequences from the same start should not all be alike."),
        Law("draws from the generator it is given", _generator_decides,
            "The same generator gives the same text, another one another: an experiment can then be repeated."),
    ],
    mistakes=[
        Mistake("the likeliest token", _by(lambda probs, g: probs.argmax(-1, keepdim=True)),
                "You take the likeliest token every time. That is one text of the model's, not a sample of what it says."),
        Mistake("generator unused", _by(lambda probs, g: torch.multinomial(probs, 1)),
                "You draw from torch's global generator. Hand yours to torch.multinomial."),
        Mistake("one draw for all", _by(_one_draw_for_all),
                "Every sequence of the batch gets the same random number, so equal contexts go on equally."),
        Mistake("equal chances", _by(lambda probs, g: torch.multinomial((probs > 1e-6).float(), 1, generator=g)),
                "You draw among the possible tokens with equal chances: their probabilities are not used."),
        Mistake("start left out", lambda model, start, length, g: _sample_sequences(model, start, length, g)[:, 2:],
                "Only the new tokens are returned. The text begins with its start: shape (n, 2 + length)."),
        Mistake("always the start", _by(context=lambda text: text[:, :2]),
                "Every token is drawn after the first two. The context moves along with the text."),
        Mistake("context reversed", _by(context=lambda text: text[:, -2:].flip(1)),
                "You hand over the last token first. The model expects the order of the text."),
        Mistake("the last token twice", _by(context=lambda text: text[:, -1:].expand(-1, 2)),
                "Your context is the last token, twice. It is the last two tokens."),
        Mistake("one token too few", lambda model, start, length, g: _sample_sequences(model, start, length - 1, g),
                "`length` counts the new tokens. You count the start, or one of it, as well."),
    ],
    styles={
        "multinomial and cat": _by(),
        "level in the cumulative sum": _by(_by_levels),
        "Gumbel noise": _by(_by_noise),
        "a table filled in": _filled_in,
    },
    hints=(
        "A loop: ask the model about the last two tokens, draw one, append it, ask again.",
        "text[:, -2:] is the context. softmax(-1) of the answer gives a row of probabilities for each sequence.",
        "torch.multinomial(probs, 1, generator=generator) draws a column of tokens, torch.cat([text, column], 1) appends it.",
    ),
)  # fmt: skip
