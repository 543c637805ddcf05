"""The race as an explorer: settings, a button that starts it, curves that grow, and at the end a verdict."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from kdtutor.demos import networks
from kdtutor.demos.explorer import Control, Explorer
from kdtutor.demos.picture import Picture
from kdtutor.demos.prediction import Question
from kdtutor.demos.racing import DISTILLED, LABELS, Settings, Standing, race
from kdtutor.demos.shell import show
from kdtutor.measure import Comparison
from kdtutor.plots.race import growing_curves, growing_difference
from kdtutor.plots.style import Theme

FEW = 1000  # pictures, in the question and in the stills


@cache
def explorer() -> Explorer[Standing]:
    """The race as an explorer: settings, and a button that starts it."""
    return Explorer(
        title="Race: labels against distilled",
        explains="Ten students learn from labels alone, ten from labels and a teacher: seed by seed the same network, "
        "first weights, pictures and epochs, and for each side the learning rate that unit 02 chose. A band runs from "
        "the worst student to the best.",
        controls=(
            Control("pictures", "training pictures", (250, 500, FEW, 2000, 4000, 8000), 8000, shown="{:,}".format),
            Control("epochs", "epochs", (4, 8, 12, 16, 24), 12),
            Control("temperature", "temperature T", (1.0, 2.0, 4.0, 8.0, 16.0), 4.0, shown="{:g}".format),
            Control("alpha", "weight α of the teacher", (0.0, 0.25, 0.5, 0.75, 0.9, 1.0), 0.9, shown="{:g}".format),
        ),
        compute=_compute,
        draw=draw,
        say=say,
        stills=({"pictures": FEW, "to_the_end": True},),
        given={"to_the_end": False},
        question=Question(
            text=f"With {FEW:,} training pictures and 12 epochs, how much better do distilled students recognise test "
            "pictures than those on labels? Negative where they are worse.",
            unit="percentage points",
            answer=_gain_with_few,
        ),
        run=_run,
        run_label="Start the race",
    )


def draw(standing: Standing, theme: Theme = "light") -> list[Picture]:
    """The curves so far."""
    settings = standing.settings
    curves = growing_curves(standing.curves, settings.epochs, theme)
    ahead = growing_difference(standing.curves[DISTILLED], standing.curves[LABELS], settings.epochs, theme)
    return [
        Picture(curves, f"Validation accuracy against the epoch, {settings.epochs} in all. {say(standing)}"),
        Picture(
            ahead, f"How far the distilled students are ahead of those on labels, pair by pair. {_ahead(standing)}"
        ),
    ]


def say(standing: Standing) -> str:
    """Where both sides stand, and at the end the verdict on test pictures."""
    if not standing.epoch:
        return "Nobody has started yet."
    after = f"After {standing.epoch} of {standing.settings.epochs} epochs, mean (worst to best): " + ", ".join(
        f"{side} {sum(curve[-1]) / len(curve[-1]):.1%} ({min(curve[-1]):.1%} to {max(curve[-1]):.1%})"
        for side, curve in standing.curves.items()
    )
    if standing.verdict is None:
        return f"{after}."
    return f"{after}. On test pictures: {in_points(standing.verdict)}"


def _ahead(standing: Standing) -> str:
    """How many pairs the distilled student leads, now."""
    if not standing.epoch:
        return "No epoch has been run."
    pairs = [*zip(standing.curves[DISTILLED][-1], standing.curves[LABELS][-1], strict=True)]
    return (
        f"After epoch {standing.epoch} the distilled student leads in {sum(a > b for a, b in pairs)} of {len(pairs)}."
    )


def in_points(verdict: Comparison) -> str:
    """A verdict on accuracies as sentences in percentage points."""
    return (
        f"{verdict.verdict}. Distilled minus labels is {100 * verdict.difference:+.1f} percentage points, "
        f"{verdict.confidence:.0%} interval {100 * verdict.low:+.1f} to {100 * verdict.high:+.1f}, from {verdict.n} "
        f"pairs of seeds; a gain counts from {100 * verdict.smallest_gain:.1f}."
    )


def explore(*, ask: bool = True) -> None:
    """Show it in a notebook; where widgets do not run, as one race that has been run."""
    show(explorer(), ask=ask)


def _run(*, to_the_end: bool = False, **settings: Any) -> Iterator[Standing]:
    return race(Settings(**settings), networks.pictures(), networks.teacher_logits("train"))


def _compute(*, to_the_end: bool, **settings: Any) -> Standing:
    """What stands before the button is pressed; for a still picture the whole race."""
    if not to_the_end:
        return Standing(Settings(**settings), {LABELS: (), DISTILLED: ()})
    *_, last = _run(**settings)
    return last


def _gain_with_few() -> float:
    *_, last = race(Settings(pictures=FEW), networks.pictures(), networks.teacher_logits("train"))
    assert last.verdict is not None
    return 100 * last.verdict.difference
