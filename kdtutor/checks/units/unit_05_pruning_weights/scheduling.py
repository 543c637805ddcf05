"""How much is gone at which step."""

import torch

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Mistake


def _cubic(step: int, total_steps: int, final: float, initial: float = 0.0) -> float:
    return prune.cubic_sparsity(step, total_steps, final, initial)


def _left(step: int, total_steps: int) -> float:
    return max(0.0, 1 - step / total_steps)


def _cubic_by_cases(step: int, total_steps: int, final: float, initial: float = 0.0) -> float:
    if step >= total_steps:
        return final
    remaining = (total_steps - step) / total_steps
    return final - (final - initial) * remaining * remaining * remaining


def _cubic_in_tensors(step: int, total_steps: int, final: float, initial: float = 0.0) -> float:
    done = torch.tensor(step / total_steps, dtype=torch.float64).clamp(0, 1)
    return float(torch.lerp(torch.tensor(initial).double(), torch.tensor(final).double(), 1 - (1 - done) ** 3))


cubic_sparsity = Exercise(
    reference=_cubic,
    inputs=lambda g: [(0, 10, 0.9), (3, 10, 0.9), (10, 10, 0.9), (25, 10, 0.9), (0, 8, 0.8, 0.2), (2, 8, 0.8, 0.2),
                      (7, 8, 0.95, 0.5), (9, 8, 0.8, 0.2), (1, 4, 0.6)],
    example=(5, 10, 0.8),
    mistakes=[
        Mistake("straight line", lambda n, t, f, i=0.0: f + (i - f) * _left(n, t),
                "Your sparsity rises evenly. The share that is left to do enters with its third power: fast first, slow at the "
                "end."),
        Mistake("slow first", lambda n, t, f, i=0.0: i + (f - i) * min(1.0, n / t) ** 3,
                "You take the third power of the share that is done, so most weights go at the very end, when nothing is left "
                "to repair it."),
        Mistake("square for cube", lambda n, t, f, i=0.0: f + (i - f) * _left(n, t) ** 2,
                "The exponent is 2 in yours. It is 3."),
        Mistake("no end", lambda n, t, f, i=0.0: f + (i - f) * (1 - n / t) ** 3,
                "After total_steps yours goes on and passes the final sparsity. It should stay there."),
        Mistake("initial forgotten", lambda n, t, f, i=0.0: f - f * _left(n, t) ** 3,
                "Your schedule starts from 0 whatever `initial` is."),
        Mistake("ends exchanged", lambda n, t, f, i=0.0: i + (f - i) * _left(n, t) ** 3,
                "Yours runs from the final sparsity to the initial one: weights would come back."),
        Mistake("share kept", lambda n, t, f, i=0.0: 1 - _cubic(n, t, f, i),
                "You return the share that is kept. Sparsity is the fraction removed."),
    ],
    styles={
        "by cases": _cubic_by_cases,
        "interpolation": _cubic_in_tensors,
        "clamped share": lambda n, t, f, i=0.0: f + (i - f) * max(0, 1 - n / t) ** 3,
    },
    hints=(
        "At step 0 it is `initial`, from total_steps on `final`. Write the difference of the two times something that goes "
        "from 1 to 0.",
        "That something is the third power of the share of steps still to come.",
        "The share still to come is 1 - step / total_steps, and it must not become negative.",
    ),
)  # fmt: skip
