r"""How much to remove, when. Sparsity always counts from the whole: 0.75 means a quarter of all weights is left.

Pruning again at the same amount compounds: rate p of what is left, k times, leaves (1 − p)^k. The functions here say
so in formulas, and `keep_highest(..., within=earlier)` takes the whole's sparsity, where nothing can compound.
"""

from kdtutor.prune.arguments import require_count, require_sparsity


def one_shot_sparsity(step: int, at: int, final: float) -> float:
    """All at once: 0 before step `at`, `final` from it on. Raises as `cubic_sparsity`."""
    _require_step(step)
    require_count("at", at, 0, "a whole step number from 0 is needed")
    require_sparsity(final, "final")
    return final if step >= at else 0.0


def cubic_sparsity(step: int, total_steps: int, final: float, initial: float = 0.0) -> float:
    """Fast first, slow at the end: s = s_f + (s_i − s_f) · (1 − step / total_steps)³, and s_f after total_steps.

    step: from 0. final, initial: fractions removed, s_f and s_i. Returns the fraction removed at that step.
    Raises ValueError for a negative step, total_steps < 1, or fractions outside [0, 1].
    Source: Zhu, Gupta, "To Prune, or Not to Prune", section 3 (equation 1), 2017.
    """
    _require_step(step)
    require_count("total_steps", total_steps, 1, "a whole number of steps, at least 1, is needed")
    require_sparsity(final, "final")
    require_sparsity(initial, "initial")
    left = 1 - min(step, total_steps) / total_steps
    return final + (initial - final) * left**3


def iterative_sparsity(rounds: int, rate: float, initial: float = 0.0) -> float:
    """Sparsity after `rounds` rounds that each remove `rate` of what is left: 1 − (1 − initial) · (1 − rate)^rounds.

    Two rounds at 0.5 remove 0.75, not 1. Raises ValueError for rounds < 0 or fractions outside [0, 1].
    Source: Frankle, Carbin, "The Lottery Ticket Hypothesis", section 1, 2019 (n rounds of p^(1/n)).
    """
    require_count("rounds", rounds, 0, "a whole number of rounds, at least 0, is needed")
    require_sparsity(rate, "rate")
    require_sparsity(initial, "initial")
    return 1 - (1 - initial) * (1 - rate) ** rounds


def rate_per_round(rounds: int, final: float, initial: float = 0.0) -> float:
    """The rate that takes `initial` to `final` in equal rounds: 1 − ((1 − final) / (1 − initial))^(1 / rounds).

    With rounds=1 it is the `amount` that torch.nn.utils.prune needs to get from one sparsity to another, for there an
    amount counts from what is left. Raises ValueError for rounds < 1 or a final below the initial sparsity.
    """
    require_count("rounds", rounds, 1, "a whole number of rounds, at least 1, is needed")
    require_sparsity(final, "final")
    require_sparsity(initial, "initial")
    if final < initial:
        raise ValueError(f"final is {final}, initial {initial}: pruning only removes, final must be at least initial")
    if initial == 1:
        return 0.0
    return 1 - ((1 - final) / (1 - initial)) ** (1 / rounds)


def _require_step(step: int) -> None:
    require_count("step", step, 0, "a whole step number from 0 is needed")
