"""An explorer small enough to know every answer by heart."""

from matplotlib.figure import Figure

from kdtutor.demos.explorer import Control, Explorer
from kdtutor.demos.picture import Picture
from kdtutor.demos.prediction import Question
from kdtutor.plots.style import Theme, house_style


def squares(asked: list[str] | None = None) -> Explorer[int]:
    """x² + offset; the answer to its question notes in `asked` that it was measured."""

    def answer() -> float:
        (asked if asked is not None else []).append("measured")
        return 49.0

    def draw(result: int, theme: Theme) -> list[Picture]:
        with house_style(theme):
            figure = Figure(figsize=(2, 1))
            figure.add_axes((0.1, 0.1, 0.8, 0.8)).plot([0, result])
        return [Picture(figure, f"A line from 0 to {result}.")]

    return Explorer(
        "Squares", "What squaring does.",
        (Control("x", "number", (1, 2, 3), 2), Control("sign", "sign", (1, -1), 1, "menu", shown="{:+d}".format)),
        lambda x, sign, offset: sign * x**2 + offset,
        draw,
        lambda result: f"The result is {result}.",
        stills=({}, {"x": 3}), given={"offset": 0}, question=Question("What is 7²?", "units", answer),
    )  # fmt: skip
