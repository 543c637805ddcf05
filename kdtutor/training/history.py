"""What a run leaves behind."""

import math
from dataclasses import dataclass, field


@dataclass
class History:
    """What a run leaves behind: the mean loss of each epoch, what `evaluate` said after it, and the seconds it took."""

    losses: list[float] = field(default_factory=list)
    evaluations: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, loss: float, lr: float, whose: str = "the loss") -> None:
        """Append an epoch's mean loss. Raises FloatingPointError for one that is not finite."""
        self.losses.append(loss)
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"{whose} of epoch {len(self.losses)} is {loss}: the training diverged, "
                f"or the loss is undefined for these inputs (learning rate {lr:g})"
            )
