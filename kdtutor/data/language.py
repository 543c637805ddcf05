"""A language whose true distribution is known, so that a model of it can be judged against the truth, not a sample.

A Markov chain over a few dozen syllables. After each pair of tokens the next one lies near one of three places, so
the continuation has several modes: a student too small for all of them must either cover the gaps between (forward
KL) or choose (reverse KL), and here it can be computed how much of the truth it lost. Made by us from a seed.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from kdtutor.data.dataset import Dataset, Split

MODE_SHARES = (0.7, 0.2, 0.1)
MODE_WIDTH = 1.0  # standard deviation of a mode, in tokens
MODE_GAP = 5  # tokens between the places of two modes, at least
UNIFORM_SHARE = 0.02  # every continuation is possible
CONSONANTS, VOWELS = "bdfgklmnprstvwyz", "aeio"


@dataclass(frozen=True)
class MarkovSource:
    """A stationary Markov chain of order R over V tokens; every quantity below is exact.

    transition: (V, ..., V) with R + 1 axes, float64; transition[a, b, c] is the probability of c after a, b (R = 2).
    tokens: the V names. Sequences are rows of token indices, int64.
    """

    transition: Tensor
    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        t = self.transition
        if not isinstance(t, Tensor) or t.dtype != torch.float64:
            raise TypeError("transition needs to be a float64 torch.Tensor: exact values deserve the digits")
        if t.ndim < 2 or len(set(t.shape)) != 1 or t.shape[0] != len(self.tokens):
            raise ValueError(
                f"transition has shape {tuple(t.shape)}, tokens {len(self.tokens)} names: (V, ..., V) with two axes or "
                "more and one name for each of the V tokens is needed"
            )
        if not bool((t >= 0).all()) or not bool(((t.sum(-1) - 1).abs() < 1e-9).all()):
            raise ValueError("transition needs rows that are probabilities: >= 0, with a sum of 1 over the last axis")

    @property
    def vocabulary(self) -> int:
        """V, the number of tokens."""
        return len(self.tokens)

    @property
    def order(self) -> int:
        """R, how many earlier tokens the next one depends on."""
        return self.transition.ndim - 1

    @cached_property
    def stationary(self) -> Tensor:
        """π, (V, ..., V) with R axes: how often each context occurs in an endless text, π = π · transition.

        Raises ValueError for a chain without a unique limit (one that falls apart, or walks in a circle).
        """
        V, states = self.vocabulary, self.vocabulary**self.order
        # two starts: where the chain falls apart, they end apart
        starts = torch.stack([torch.ones(states), torch.arange(1.0, states + 1)]).double()
        pi = starts / starts.sum(1, keepdim=True)
        steps = self.transition.reshape(V, states // V, V)
        for _ in range(10_000):
            before = pi
            pi = torch.einsum("sac,acd->scd", pi.reshape(2, V, states // V), steps).reshape(2, states)
            pi /= pi.sum(1, keepdim=True)
            if bool((pi - before).abs().max() <= 4 * torch.finfo(pi.dtype).eps * pi.max()):
                break
        if bool(((pi - before).abs().sum(1) < 1e-9).all()) and bool((pi[0] - pi[1]).abs().sum() < 1e-9):
            return pi[0].reshape((V,) * self.order)
        raise ValueError("transition has no unique limit: give every token a small probability after every context")

    def entropy_rate(self) -> float:
        """What a perfect model pays for one token of an endless text, -Σ_s π(s) Σ_c p(c|s) log p(c|s), in nats.

        Source: Shannon, "A Mathematical Theory of Communication", section 7, 1948.
        """
        return float(-(self.stationary[..., None] * torch.special.xlogy(self.transition, self.transition)).sum())

    def next_distribution(self, prefix: Tensor) -> Tensor:
        """p(next token | prefix): (..., T) token indices -> (..., V) float64. Exact also for T < R, and for T = 0.

        Raises TypeError and ValueError for prefixes that are not token indices.
        """
        self._require_tokens("prefix", prefix)
        known = min(prefix.shape[-1], self.order)
        recent = tuple(prefix[..., prefix.shape[-1] - known :].to(self.transition.device).unbind(-1))
        if known == self.order:
            return self.transition[recent].to(prefix.device)
        joint = self._joint(known + 1)[recent].expand(*prefix.shape[:-1], self.vocabulary)
        total = joint.sum(-1, keepdim=True)
        if bool((total == 0).any()):
            raise ValueError("prefix holds a token that never occurs: nothing can follow it")
        return (joint / total).to(prefix.device)

    def log_prob(self, sequences: Tensor) -> Tensor:
        """log p(sequence) under the source, first tokens included: (..., T) token indices -> (...), in nats, float64.

        -inf for a sequence that cannot occur. Raises TypeError and ValueError for anything but token indices.
        """
        self._require_tokens("sequences", sequences)
        T = sequences.shape[-1]
        if T == 0:
            raise ValueError(f"sequences has shape {tuple(sequences.shape)}: at least one token is needed")
        rows = sequences.to(self.transition.device)
        total = self._joint(min(T, self.order))[tuple(rows[..., : self.order].unbind(-1))].log()
        if self.order < T:
            windows = rows.unfold(-1, self.order + 1, 1)
            total = total + self.transition[tuple(windows.unbind(-1))].log().sum(-1)
        return total.to(sequences.device)

    def sample(self, n: int, length: int, generator: torch.Generator) -> Tensor:
        """n independent sequences from the middle of an endless text: (n, length) token indices, int64.

        Raises ValueError for n or length below 1, TypeError where generator is not a torch.Generator.
        """
        if n < 1 or length < 1:
            raise ValueError(f"n is {n}, length is {length}: both need to be 1 or more")
        if not isinstance(generator, torch.Generator):
            raise TypeError(f"generator is a {type(generator).__name__}: a torch.Generator is needed")
        state = _draw(self.stationary.flatten().cumsum(0).expand(n, -1), generator)
        drawn = list(torch.unravel_index(state, self.stationary.shape))
        reached = self.transition.cumsum(-1)
        while len(drawn) < length:
            drawn.append(_draw(reached[tuple(drawn[-self.order :])], generator))
        return torch.stack(drawn[:length], 1)

    def spell(self, sequence: Tensor) -> str:
        """The token names of one sequence, (T,), with a space between them."""
        self._require_tokens("sequence", sequence)
        return " ".join(self.tokens[index] for index in sequence.tolist())

    def _joint(self, length: int) -> Tensor:
        """Probability of every sequence of `length` <= R + 1 tokens in a row: (V, ..., V) with `length` axes."""
        if length > self.order:
            return self.stationary[..., None] * self.transition
        return self.stationary.sum(tuple(range(self.order - length))) if length < self.order else self.stationary

    def _require_tokens(self, name: str, sequences: Tensor) -> None:
        if not isinstance(sequences, Tensor) or sequences.dtype not in (torch.int64, torch.int32):
            came = getattr(sequences, "dtype", type(sequences).__name__)
            raise TypeError(f"{name} is {came}: an integer tensor of token indices, (..., T), is needed")
        if sequences.ndim == 0:
            raise ValueError(f"{name} is a single number: (..., T) token indices are needed")
        if sequences.numel() and not 0 <= int(sequences.min()) <= int(sequences.max()) < self.vocabulary:
            raise ValueError(
                f"{name} ranges from {int(sequences.min())} to {int(sequences.max())}: "
                f"tokens are 0 to {self.vocabulary - 1}"
            )


def language_source(vocabulary: int = 32, seed: int = 0) -> MarkovSource:
    """The course's language: order 2, three modes after every pair of tokens, on a circle of `vocabulary` syllables.

    p(c | a, b) = 0.98 Σ_j w_j(a) K(c - m_j(b)) + 0.02 / V. The last token b says where the three modes m_j lie (drawn
    from the seed, at least five apart); the one before, a, says which of them takes 0.7, 0.2 and 0.1 (a modulo 3); K is
    a bell of width 1 around the circle. A model that sees b alone knows the modes and not which: it has to mix them.

    vocabulary: V, 24 to 64. Raises ValueError for another one.
    """
    if not 24 <= vocabulary <= len(CONSONANTS) * len(VOWELS):
        raise ValueError(f"vocabulary is {vocabulary}: 24 to {len(CONSONANTS) * len(VOWELS)} syllables are needed")
    V, generator = vocabulary, torch.Generator().manual_seed(seed)
    modes = torch.stack([_spread_places(V, generator) for _ in range(V)])
    around = torch.arange(V)
    distance = (around - modes[:, :, None]).remainder(V)
    distance = distance.minimum(V - distance).double()
    bells = torch.softmax(-((distance / MODE_WIDTH) ** 2) / 2, -1)  # (b, mode, c)
    shares = torch.tensor(MODE_SHARES, dtype=torch.float64)
    favour = torch.stack([shares.roll(int(a) % len(shares)) for a in around])  # (a, mode)
    transition = (1 - UNIFORM_SHARE) * torch.einsum("am,bmc->abc", favour, bells) + UNIFORM_SHARE / V
    return MarkovSource(transition / transition.sum(-1, keepdim=True), syllables(V))


def syllables(vocabulary: int) -> tuple[str, ...]:
    """The first `vocabulary` of the token names: ba, be, bi, bo, da, ..."""
    return tuple(consonant + vowel for consonant in CONSONANTS for vowel in VOWELS)[:vocabulary]


def language(seed: int = 0, length: int = 32) -> Dataset:
    """Text of `language_source(seed=0)` for next-token models: 4,000 training, 500 validation, 1,000 test sequences.

    x: (N, length) int64 tokens. y: (N, length) int64, the token after each of them. classes: the 32 token names.
    The seed chooses the sample, not the language: every seed gives another text with the same truth.
    """
    source, generator = language_source(), torch.Generator().manual_seed(seed)
    splits = {
        name: source.sample(n, length + 1, generator)
        for name, n in {"train": 4000, "validation": 500, "test": 1000}.items()
    }
    return Dataset(
        "language", source.tokens, **{name: Split(text[:, :-1], text[:, 1:]) for name, text in splits.items()}
    )


def _draw(reached: Tensor, generator: torch.Generator) -> Tensor:
    """One index a row of cumulative probabilities, (n, V) -> (n,)."""
    level = torch.rand(len(reached), 1, generator=generator, dtype=torch.float64) * reached[:, -1:]
    return torch.searchsorted(reached.contiguous(), level, right=True)[:, 0].clamp_max(reached.shape[1] - 1)


def _spread_places(V: int, generator: torch.Generator) -> Tensor:
    """Three places on a circle of V, far enough apart to be three modes."""
    while True:
        places = torch.randperm(V, generator=generator)[: len(MODE_SHARES)]
        gaps = places.sort().values.diff(append=places.min()[None] + V)
        if bool((gaps >= MODE_GAP).all()):
            return places
