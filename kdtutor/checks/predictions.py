"""Predictions: what a learner expected before the answer was shown."""

from typing import Any

_PREDICTED: dict[str, Any] = {}


def remember(question: str, answer: Any) -> bool:
    """Keep the answer to a question for this session; False where there is none yet (`...` or None)."""
    if answer is ... or answer is None:
        _PREDICTED.pop(question, None)
        return False
    _PREDICTED[question] = answer
    return True


def recall(question: str) -> Any:
    """The prediction for a question, or None."""
    return _PREDICTED.get(question)


def compare(question: str, measured: Any) -> str:
    """One sentence that sets the prediction beside what was measured."""
    predicted = recall(question)
    shown = f"{measured:.4g}" if isinstance(measured, float) else str(measured)
    if predicted is None:
        return f"Measured: {shown}. You made no prediction; the next one is worth a guess."
    if isinstance(measured, (int, float)) and isinstance(predicted, (int, float)):
        if predicted and measured:
            ratio = predicted / measured
            close = 0.8 <= ratio <= 1.25
            verdict = "close" if close else f"{ratio:.3g} times the measured value"
            return f"Measured: {shown}. You predicted {predicted:g}: {verdict}."
        return f"Measured: {shown}. You predicted {predicted:g}."
    verdict = (
        "as you predicted"
        if str(predicted).strip().lower() == str(measured).strip().lower()
        else f"you predicted {predicted}"
    )
    return f"Measured: {shown}, {verdict}."
