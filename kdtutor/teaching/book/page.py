"""The book's pages: one a unit, and the one they hang on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbconvert.filters import markdown2html

from kdtutor.grading.pages.next_steps import many_points
from kdtutor.grading.pages.page import Content, Markup, element, number
from kdtutor.grading.pages.page_style import STYLE
from kdtutor.teaching.book.answers import Answer
from kdtutor.teaching.book.mistakes import KnownMistake, Talk
from kdtutor.teaching.book.outcomes import verdicts
from kdtutor.teaching.book.script import Section, Step
from kdtutor.teaching.book.terms import Terms
from kdtutor.teaching.mathjax import SETTINGS

MATHJAX = "mathjax.js"
KINDS = {
    "say": "Say", "note": "Note", "ask": "Ask", "build": "Build", "show": "Show", "surprise": "Surprise",
    "open": "Open", "read": "Rebuild",
}  # fmt: skip
OWN = """
main { max-width: 60rem; }
nav { margin: 0 0 1.5rem; }
a { color: var(--open); }
.anchor-link { display: none; }
.script { display: grid; grid-template-columns: 5.5rem minmax(0, 1fr); gap: .35rem 1rem; margin: .4rem 0 1.4rem; }
.script > dt { font-weight: 650; color: var(--soft); } .script > dd { margin: 0; }
.script .ask, .script .surprise { color: var(--open); }
.script p, .answer p { margin: 0 0 .3rem; }
.minutes { float: right; color: var(--soft); font-weight: 400; font-size: 1rem; }
img { max-width: min(100%, 34rem); display: block; background: #fff; border: 1px solid var(--line); }
mjx-container svg { display: inline; width: auto; }
.effect { font-size: .88rem; color: var(--soft); }
@media print { .script > dd, .check { break-inside: avoid; } img { max-width: 22rem; } }
"""


@dataclass(frozen=True)
class Chapter:
    """All that the book has of a unit. points: of each check, by name; explorers: those that go with it."""

    unit: str
    terms: Terms
    sections: Sequence[Section]
    talks: Sequence[Talk]
    answers: Sequence[Answer]
    results: Mapping[str, Mapping[str, Any]]
    points: Mapping[str, float]
    explorers: Sequence[str] = ()


def unit_page(chapter: Chapter) -> str:
    """The page of a unit."""
    terms = chapter.terms
    parts: list[Content] = [
        element("nav", element("a", "All units", href="index.html")),
        element("h1", f"{chapter.unit[:2]} {terms.title}"),
        element("p", f"{terms.minutes} minutes, {many_points(terms.points)}. Needs: {terms.needs}.", class_="who"),
        element("h2", "Objectives"),
        element("p", "After this unit your learners ", *_inline(terms.aim.removeprefix("you "))),
        *_questions(terms),
        _points(chapter.points),
        element("h2", "Script of the class"),
        _explorers(chapter.explorers),
        *(_section(section) for section in chapter.sections if section.steps or section.minutes),
    ]
    told = [each for claim in chapter.results for each in verdicts(claim, chapter.results)]
    if told:
        parts += [element("h2", "What the measurements said"), element("ul", *(element("li", each) for each in told))]
    if chapter.talks:
        parts += [element("h2", "Known mistakes"), *(_talk(talk) for talk in chapter.talks)]
    if chapter.answers:
        parts += [element("h2", "Answers that a person marks"), *(_answer(answer) for answer in chapter.answers)]
    return document(f"{terms.title}: the instructor's book", *parts)


def index_page(chapters: Sequence[Chapter]) -> str:
    """The page that leads to the others."""
    head = ("unit", "minutes", "points", "exercises", "known mistakes", "to mark")
    rows = [
        (
            element("a", f"{each.unit[:2]} {each.terms.title}", href=f"{each.unit}.html"),
            *map(str, (each.terms.minutes, number(each.terms.points), len(each.talks))),
            *map(str, (sum(len(talk.mistakes) for talk in each.talks), len(each.answers))),
        )
        for each in chapters
    ]
    return document(
        "The instructor's book",
        element("h1", "The instructor's book"),
        element(
            "p",
            "For whoever teaches the course. It holds answers and rubrics: keep it from learners. ",
            element("code", "kdtutor book"),
            " makes it again from the units' sources, their checks and their results.",
            class_="who",
        ),
        element(
            "table",
            element("thead", element("tr", *(element("th", each, scope="col") for each in head))),
            element("tbody", *(element("tr", *(element("td", cell) for cell in row)) for row in rows)),
        ),
    )


def document(title: str, *content: Content) -> str:
    """A whole HTML document, whose formulas MathJax sets from the file beside it."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(STYLE + OWN)),
        element("script", Markup(SETTINGS)),
        element("script", src=MATHJAX, defer=True),
    )
    body = element("body", element("main", *content))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _questions(terms: Terms) -> list[Content]:
    if not terms.questions:
        return []
    listed = element("ol", *(element("li", *_inline(question)) for question in terms.questions))
    return [element("p", "Questions that its measurements settle:", class_="label"), listed]


def _points(points: Mapping[str, float]) -> Content:
    if not points:
        return element("p", "Nothing of it is graded.")
    return element("p", "Points: ", ", ".join(f"{name} {number(value)}" for name, value in points.items()), ".")


def _explorers(names: Sequence[str]) -> Content:
    if not names:
        return None
    return element("p", f"Explorers to have open beside it, from kdtutor demo: {', '.join(names)}.")


def _section(section: Section) -> Content:
    minutes = element("span", f"{section.minutes} min" if section.minutes else "", class_="minutes")
    steps = (_step(step) for step in section.steps)
    return Markup(element("h3", *_inline(section.title), minutes) + element("dl", *steps, class_="script"))


def _step(step: Step) -> Content:
    term = element("dt", KINDS[step.kind], class_=step.kind)
    if step.kind == "show" and step.picture:
        shown = element("img", src=f"data:image/png;base64,{step.picture.png}", alt=step.picture.alt)
        return Markup(term + element("dd", element("p", step.text), shown))
    if step.kind == "ask":
        kept = element("p", f"Keep back: {step.answer}.", class_="effect") if step.answer else None
        return Markup(term + element("dd", element("p", step.text), kept))
    if step.kind == "surprise":
        return Markup(term + element("dd", element("p", f"{step.text}: ", element("strong", step.answer))))
    return Markup(term + element("dd", markdown(step.text)))


def _talk(talk: Talk) -> Content:
    right = element("p", f"{_right(talk)} {talk.right}", class_="effect") if talk.right else None
    mistakes = (
        element(
            "li",
            element("strong", mistake.name),
            element("p", f"The learner reads: {mistake.said}"),
            element("p", _effect(talk, mistake), class_="effect") if mistake.effect else None,
        )
        for mistake in talk.mistakes
    )
    laws = (element("li", f"It {name}. {message}") for name, message in talk.laws)
    return element(
        "section",
        element("h3", element("code", talk.name)),
        right,
        element("p", "Instead of the answer, ask what must hold of any right one:", class_="label")
        if talk.laws
        else None,
        element("ul", *laws) if talk.laws else None,
        element("p", "Then, from a nudge to the plan:", class_="label"),
        element("ol", *(element("li", hint) for hint in talk.hints)),
        element("p", "Mistakes that its check knows by name:", class_="label"),
        element("ul", *mistakes),
        class_="check",
    )


def _right(talk: Talk) -> str:
    return "The answer:" if talk.is_value else "Right, on its example:"


def _effect(talk: Talk, mistake: KnownMistake) -> str:
    if talk.is_value:
        return f"Answered {mistake.effect}"
    if mistake.effect == talk.right:
        return "On the example it gives what is right: ask for another input."
    return f"On the example: {mistake.effect}"


def _answer(answer: Answer) -> Content:
    sample = element("pre", element("code", answer.sample)) if answer.kind == "code" else markdown(answer.sample)
    return element(
        "section",
        element("h3", element("code", answer.name), element("span", many_points(answer.points), class_="minutes")),
        element("p", "Question", class_="label"),
        element("div", markdown(answer.question), class_="answer"),
        element("p", "Sample answer", class_="label"),
        element("div", sample, class_="answer"),
        element("p", "Rubric", class_="label"),
        element("div", markdown(answer.rubric), class_="answer"),
        class_="check",
    )


def markdown(text: str) -> Markup:
    """Markdown of the course's own sources as markup; formulas stay as they are for MathJax."""
    return Markup(markdown2html(text))


def _inline(text: str) -> Iterable[Content]:
    made = markdown(text).strip()
    yield Markup(made.removeprefix("<p>").removesuffix("</p>")) if made.count("<p>") == 1 else Markup(made)
