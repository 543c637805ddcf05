"""What an explorer is: controls, a function from their values to a result, and the result in pictures and words.

Nothing here needs a notebook or a widget: `see` is all of an explorer but the moving of its controls.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from kdtutor.demos.picture import Picture
from kdtutor.demos.prediction import Question
from kdtutor.plots.style import Theme

Result = TypeVar("Result")


@dataclass(frozen=True)
class Control:
    """One thing to move: a slider steps through its values in order, a menu names them.

    name: the keyword of the explorer's `compute`. label: what a person reads. start: one of the values.
    shown: how a value is written.
    """

    name: str
    label: str
    values: Sequence[Any]
    start: Any
    kind: Literal["slider", "menu"] = "slider"
    shown: Callable[[Any], str] = str

    def __post_init__(self) -> None:
        if self.start not in self.values:
            raise ValueError(f"{self.name} starts at {self.start!r}, which is not among its values {self.values!r}")

    def number(self, value: Any) -> int:
        """Which of the values it is, from 0. Raises ValueError for what is not among them."""
        if value not in self.values:
            raise ValueError(f"{self.name} is {value!r}: one of {', '.join(map(repr, self.values))} is needed")
        return self.values.index(value)


@dataclass(frozen=True)
class Explorer(Generic[Result]):
    """A title, controls, and pure functions: values -> result, result -> pictures, result -> a sentence of numbers.

    explains: a sentence or two on what to look for. compute: called with one keyword a control and with `given`.
    draw: pictures side by side on a wide screen, below each other on a narrow one. say: the numbers of the result.
    given: keywords that no control sets, such as a drawing. question: what is predicted before anything is shown.
    stills: settings, as changes from the start, that are shown one below another where widgets do not run.
    run: for what takes longer than a moment: called on a button labelled `run_label` instead of at every move, it
    yields results that are drawn as they come; `compute` then only gives what is shown before.
    """

    title: str
    explains: str
    controls: tuple[Control, ...]
    compute: Callable[..., Result]
    draw: Callable[[Result, Theme], Sequence[Picture]]
    say: Callable[[Result], str]
    stills: tuple[Mapping[str, Any], ...] = ({},)
    given: Mapping[str, Any] = field(default_factory=dict)
    question: Question | None = None
    run: Callable[..., Iterator[Result]] | None = None
    run_label: str = ""

    @property
    def start(self) -> dict[str, Any]:
        """Every control's value in the beginning."""
        return {control.name: control.start for control in self.controls}

    def result(self, **changes: Any) -> Result:
        """`compute` at the start, with changes."""
        return self.compute(**{**self.given, **self.start, **changes})

    def see(self, theme: Theme = "light", **changes: Any) -> tuple[Sequence[Picture], str]:
        """The pictures and the sentence at the start, with changes: what a move of the controls shows."""
        result = self.result(**changes)
        return self.draw(result, theme), self.say(result)
