"""An explorer in a notebook or in Voila: native controls, pictures with alternative texts, a sentence of numbers.

The front end is a single widget of our own (anywidget) made of the browser's own sliders and menus: they have names,
step by keyboard and can be touched, which the sliders of ipywidgets, nameless to a screen reader, do not offer.
"""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import anywidget
import ipywidgets
import traitlets

from kdtutor.checks import predictions
from kdtutor.demos.explorer import Explorer
from kdtutor.demos.picture import Picture, data_uri, png
from kdtutor.demos.prediction import class_histogram, compare_class, read_answers
from kdtutor.demos.stills import strip
from kdtutor.plots.style import Theme

FRONT = Path(__file__).parent / "front"
SHARPNESS = 1.25  # dots a pixel of the page: pictures stay sharp on dense screens and in large type


class Panel(anywidget.AnyWidget):
    """The live view of an explorer. Every move of a control computes and draws; a question is answered before.

    theme: "light", "dark" or "auto", which takes the notebook's. large: type for a projector.
    """

    _esm = FRONT / "panel.js"
    _css = FRONT / "panel.css"
    heading = traitlets.Unicode().tag(sync=True)
    explains = traitlets.Unicode().tag(sync=True)
    controls: Any = traitlets.List().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)  # a control's name -> the number of its value
    question: Any = traitlets.Dict(None, allow_none=True).tag(sync=True)  # None once it is answered
    verdict = traitlets.Dict().tag(sync=True)
    seen = traitlets.Dict().tag(sync=True)  # pictures and sentence; empty while a question waits
    run_label = traitlets.Unicode().tag(sync=True)
    running = traitlets.Bool(False).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    large = traitlets.Bool(False).tag(sync=True)

    def __init__(self, explorer: Explorer[Any], *, ask: bool = True, theme: str = "auto", large: bool = False) -> None:
        """ask: False shows at once what a question would hold back."""
        self.explorer = explorer
        self.given = dict(explorer.given)
        self.result: Any = None
        self._stopped = False
        self._committed: tuple[list[float], float] | None = None
        question = explorer.question if ask else None
        super().__init__(
            heading=explorer.title,
            explains=explorer.explains,
            controls=[
                {
                    "name": control.name,
                    "label": control.label,
                    "kind": control.kind,
                    "shown": [control.shown(value) for value in control.values],
                }
                for control in explorer.controls
            ],
            chosen={control.name: control.number(control.start) for control in explorer.controls},
            question=question and {"text": question.text, "unit": question.unit},
            run_label=explorer.run_label,
            theme=theme,
            large=large,
        )
        self.observe(lambda _change: self.compute(), "chosen")
        self.observe(lambda _change: self.redraw(), ["theme", "large"])
        self.observe(lambda _change: self._judge(), ["theme", "large"])
        self.on_msg(self._heard)
        self.compute()

    @property
    def values(self) -> dict[str, Any]:
        """What `compute` is called with: every control's value, and what was given."""
        chosen = cast(Mapping[str, int], self.chosen)
        return self.given | {control.name: control.values[chosen[control.name]] for control in self.explorer.controls}

    def choose(self, **values: Any) -> None:
        """Move controls, as a person would. Raises KeyError or ValueError for what the explorer does not have."""
        by_name = {control.name: control for control in self.explorer.controls}
        self.chosen = self.chosen | {name: by_name[name].number(value) for name, value in values.items()}

    def compute(self) -> None:
        """Compute and draw, unless a question still waits for its answer."""
        if self.question is None:
            self.present(self.explorer.compute(**self.values))

    def present(self, result: Any) -> None:
        """Draw a result."""
        self.result = result
        self.redraw()

    def redraw(self) -> None:
        """Draw the last result again, in the theme that is set."""
        if self.question is not None or self.result is None:
            return
        pictures = self.explorer.draw(self.result, self._theme)
        self.seen = {
            "pictures": [self._shown(picture) for picture in pictures],
            "sentence": self.explorer.say(self.result),
        }

    def stop(self) -> None:
        """End a run after the result that it is at."""
        self._stopped = True

    async def run(self) -> None:
        """Run what takes longer, drawing its results as they come; what is pressed meanwhile is heard.

        The computing is left to a thread, one result at a time, and the drawing is done here.
        """
        if self.explorer.run is None or self.running:
            return
        self.running, self._stopped = True, False
        results = self.explorer.run(**self.values)
        try:
            while not self._stopped and (result := await asyncio.to_thread(next, results, None)) is not None:
                self.present(result)
        finally:
            if isinstance(results, Generator):
                results.close()
            self.running = False

    def commit(self, text: str) -> None:
        """Take the answers of one or of many to the question; from then on everything shows."""
        question = self.explorer.question
        if question is None or self.question is None:
            return
        try:
            answers = read_answers(text)
        except ValueError as problem:
            self.verdict = {"problem": str(problem)}
            return
        measured = question.answer()
        self.question = None
        predictions.remember(question.text, answers[-1])
        self._committed = answers, float(measured)
        self._judge()
        self.compute()

    def _judge(self) -> None:
        """Set what was committed beside what was measured, in the theme that is set."""
        question = self.explorer.question
        if question is None or self._committed is None:
            return
        answers, measured = self._committed
        if len(answers) == 1:
            self.verdict = {"sentence": predictions.compare(question.text, measured), "asked": question.text}
            return
        histogram = class_histogram(question.unit, answers, measured, self._theme)
        self.verdict = {
            "sentence": compare_class(question.unit, answers, measured),
            "asked": question.text,
            "picture": self._shown(histogram),
        }

    @property
    def _theme(self) -> Theme:
        return "dark" if self.theme == "dark" else "light"

    def _shown(self, picture: Picture) -> dict[str, Any]:
        width, _height = picture.figure.get_size_inches()
        drawn = png(picture.figure, self._theme, SHARPNESS * (1.3 if self.large else 1.0))
        return {"src": data_uri(drawn), "alt": picture.alt, "inches": float(width)}

    def _heard(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        match content:
            case {"do": "commit", "text": str(text)}:
                self.commit(text)
            case {"do": "run"}:
                self._task = asyncio.get_running_loop().create_task(self.run())
            case {"do": "stop"}:
                self.stop()


def show(
    explorer: Explorer[Any], *, above: Sequence[ipywidgets.Widget] = (), panel: Panel | None = None, ask: bool = True
) -> None:
    """Display the explorer; where widgets do not run, the same output shows its strip of stills.

    above: widgets of the explorer's own, such as something to draw on, with the panel that they are connected to.
    """
    from IPython.display import display

    panel = panel or Panel(explorer, ask=ask)
    whole = ipywidgets.VBox([*above, panel]) if above else panel
    picture, words = strip(explorer)
    view = {"version_major": 2, "version_minor": 0, "model_id": whole.model_id}
    display(
        {"application/vnd.jupyter.widget-view+json": view, "image/png": picture, "text/plain": words},
        metadata={"image/png": {"alt": words}},
        raw=True,
    )
