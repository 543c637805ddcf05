"""Draw: write a character; teacher, students, the pruned and the int8 one answer side by side, while you write."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets
from torch import Tensor, nn

from kdtutor.demos import networks
from kdtutor.demos.answering import Answer, ask
from kdtutor.demos.canvas import Canvas
from kdtutor.demos.explorer import Control, Explorer
from kdtutor.demos.handwriting import as_glyph, as_pixels, ink
from kdtutor.demos.picture import Picture
from kdtutor.demos.shell import Panel, show
from kdtutor.measure.timing import readable_seconds
from kdtutor.plots.answers import answers_side_by_side, seen
from kdtutor.plots.style import Theme

DRAWING = "Your drawing"
LOOK_ALIKES = ("O", "0", "Q", "I", "1", "5", "S")  # first in the menu


@dataclass(frozen=True)
class Answers:
    """A picture (1, 1, 16, 16) and what each network says about it; picture is None for an empty paper.

    whose: DRAWING, or which test picture it is.
    """

    whose: str
    picture: Tensor | None
    given: tuple[Answer, ...] = ()


def answer(picture: str, drawing: Tensor | None) -> Answers:
    """Ask all networks about a test picture, by its name in `test_pictures()`, or about the drawing (H, W)."""
    asked = as_glyph(drawing) if picture == DRAWING and drawing is not None else test_pictures().get(picture)
    if asked is None:
        return Answers(picture, None)
    return Answers(picture, asked, ask(contestants(), asked, networks.pictures().classes))


@cache
def contestants() -> Mapping[str, nn.Module]:
    """The teacher and the students, by the name that is shown."""
    return {"teacher": networks.teacher(), **networks.students()}


@cache
def test_pictures() -> dict[str, Tensor]:
    """The first test picture of every class, those that look alike first, by a name for the menu: (1, 1, 16, 16)."""
    glyphs = networks.pictures()
    order = [*LOOK_ALIKES, *(name for name in glyphs.classes if name not in LOOK_ALIKES)]
    first = {name: int((glyphs.test.y == glyphs.classes.index(name)).int().argmax()) for name in order}
    return {f"Test picture of {name}": glyphs.test.x[place : place + 1] for name, place in first.items()}


def draw(answers: Answers, theme: Theme = "light") -> list[Picture]:
    """The picture as the networks get it, and their answers."""
    if answers.picture is None:
        return []
    bars = answers_side_by_side(
        {each.network: each.top for each in answers.given},
        {each.network: f"{each.file_bytes:,} bytes, {readable_seconds(each.seconds)}" for each in answers.given},
        theme,
    )
    in_words = "; ".join(
        f"{each.network}: {', '.join(f'{name} {p:.1%}' for name, p in each.top)}, {each.file_bytes:,} bytes, "
        f"{readable_seconds(each.seconds)}"
        for each in answers.given
    )
    return [
        Picture(bars, f"The three likeliest classes of each network. {in_words}."),
        Picture(seen(answers.picture[0, 0], theme), f"{answers.whose}, 16 by 16 pixels, as the networks get it."),
    ]


def say(answers: Answers) -> str:
    """Whether the networks agree, and on what."""
    if answers.picture is None:
        return "The paper is empty: write a character, or choose a test picture."
    said = {each.network: each.top[0][0] for each in answers.given}
    if len(set(said.values())) == 1:
        return f"{answers.whose}: all five say {next(iter(said.values()))}."
    return f"{answers.whose}: " + ", ".join(f"{name} says {what}" for name, what in said.items()) + "."


@cache
def explorer() -> Explorer[Answers]:
    """The explorer without its canvas: a drawing is given, a test picture chosen."""
    names = [*test_pictures()]
    return Explorer(
        title="Draw: five networks read your writing",
        explains="All five learned from printed characters only. Bars are probabilities; beside each name stand the "
        "bytes of the network's file and the time of one answer here. Try what lies between two letters.",
        controls=(Control("picture", "read", (DRAWING, *names), names[0], kind="menu"),),
        compute=answer,
        draw=draw,
        say=say,
        given={"drawing": None},
        stills=tuple({"picture": name} for name in names[:3]),
    )


def live(**traits: Any) -> tuple[Canvas, Panel]:
    """A canvas and the panel that answers to it, connected. traits: theme and large, for both."""
    panel = Panel(explorer(), **traits)
    names = [*test_pictures()]

    def next_test_picture() -> None:
        shown = panel.values["picture"]
        panel.choose(picture=names[(names.index(shown) + 1) % len(names) if shown in names else 0])

    canvas = Canvas(next_test_picture, **traits)

    def drawn(_change: object) -> None:
        if canvas.shown:  # a test picture lies on the paper
            return
        drawing = ink(canvas.pixels, canvas.side) if any(canvas.pixels) else None
        panel.given["drawing"] = drawing
        canvas.description = "Empty paper" if drawing is None else "Paper with your drawing"
        if panel.values["picture"] == DRAWING:
            panel.compute()
        else:
            panel.choose(picture=DRAWING)

    def chosen(_change: object) -> None:
        name = panel.values["picture"]
        if name != DRAWING:
            canvas.shown = as_pixels(test_pictures()[name])
            canvas.description = f"On the paper: {name}"

    chosen(None)
    canvas.observe(drawn, ["pixels", "shown"])
    panel.observe(chosen, "chosen")
    panel.observe(lambda change: canvas.set_trait("theme", change["new"]), "theme")
    return canvas, panel


def beside(canvas: Canvas, panel: Panel) -> ipywidgets.Box:
    """Canvas and panel side by side, below each other where it is narrow."""
    panel.add_class("kdtutor-reads")
    panel.layout = ipywidgets.Layout(flex="1 1 24em", min_width="0", width="auto")
    layout = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="flex-start", width="100%")
    return ipywidgets.Box([canvas, panel], layout=layout)


def explore() -> None:
    """Show it in a notebook; where widgets do not run, as a strip of test pictures with their answers."""
    canvas, panel = live()
    show(explorer(), above=(canvas,), panel=panel)
