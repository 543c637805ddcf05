"""A fast wrong answer is no answer: what is compared must agree first."""

from torch import Tensor


def require_agreement(ours: Tensor, rival: Tensor, tolerance: float, what: str) -> None:
    """Refuse results whose largest difference exceeds `tolerance` times the rival's largest value.

    Raises ArithmeticError saying by how much they differ.
    """
    scale = float(rival.detach().abs().max())
    difference = float((ours.detach().to(rival) - rival.detach()).abs().max())
    if not difference <= tolerance * scale:
        raise ArithmeticError(
            f"{what} differs from the rival's by {difference:.3g} where values reach {scale:.3g}: at most "
            f"{tolerance:.1g} of that is allowed, so there is nothing to compare"
        )
