"""The page that a learner gets back: what was found, check by check, and what to do next.

It shows the signed record, and beside it the learner's own text and what a person added. Tests, reference and other
learners are not at hand here, so nothing of them can be on the page.
"""

import re
from collections.abc import Mapping

from nbformat import NotebookNode

from kdtutor.grading.gradebook.by_person import NOTHING, ByPerson, Mark
from kdtutor.grading.handed_in.cell_roles import grade_id, is_solution
from kdtutor.grading.pages.next_steps import many_points, next_steps, nothing_could_be_read
from kdtutor.grading.pages.page import Content, Markup, element, many, number, page, someone
from kdtutor.grading.pages.unit_words import UnitWords
from kdtutor.grading.pages.verdict_words import SIGNS, WORDS
from kdtutor.grading.records.record import Check, Record

SANDBOXES = {
    "bubblewrap": "in a sandbox (bubblewrap)",
    "landlock": "in a sandbox (Landlock)",
    "none": "without a sandbox",
}
SHOWN_SECONDS = 1.0  # of CPU time: less is not worth a word


def answers_of(record: Record, marked: NotebookNode | None) -> dict[str, str]:
    """What the learner wrote, by grade ids, from the marked notebook; nothing where it belongs to another record."""
    if marked is None or marked.metadata.get("kdtutor", {}).get("record") != record.signature:
        return {}
    return {name: cell.source for cell in marked.cells if is_solution(cell) and (name := grade_id(cell))}


def feedback(
    record: Record, unit: UnitWords, *, answers: Mapping[str, str] | None = None, added: ByPerson = NOTHING
) -> str:
    """The page as an HTML document.

    record: the signed record. answers: the learner's text by grade ids. added: what a person added in the gradebook.
    """
    answers = answers or {}
    changed = {unit.exercise_of.get(name, name): mark for name, mark in added.marks.items() if mark.by_hand}
    by_hand = [name for name in unit.answers if name in added.marks or name in answers]
    unread = nothing_could_be_read(record)
    checks = [
        _check(check, changed.get(check.name), added.comments.get(check.name), answers.get(check.name), silent=unread)
        for check in record.checks
    ]
    steps = list(next_steps(record, unit.following))
    return page(
        f"{unit.title}: feedback for {record.learner}",
        element(
            "header",
            element("p", f"Feedback · {record.unit}", class_="label"),
            element("h1", unit.title),
            element("p", someone(record.learner), class_="who"),
            _score(record, changed, [added.marks[name] for name in by_hand if name in added.marks], added.late),
        ),
        _notice(record),
        _section("What to do next", element("ol", (element("li", _with_code(step)) for step in steps)))
        if steps
        else None,
        _section("Your checks", *checks),
        _section(
            "Marked by a person",
            *(_answer(name, added.marks.get(name), added.comments.get(name), answers.get(name)) for name in by_hand),
        )
        if by_hand
        else None,
        _section(
            "What had to be put right",
            element("ul", (element("li", _text(each, "plain", "Repair")) for each in record.repairs)),
        )
        if record.repairs
        else None,
        _how_it_was_graded(record),
    )


def _section(heading: str, *content: Content) -> Markup:
    name = re.sub(r"\W+", "-", heading.lower())
    return element("section", element("h2", heading, id=name), *content, aria_labelledby=name)


def _with_code(sentence: str) -> list[Content]:
    """The sentence with what stands between backquotes as code."""
    return [element("code", part) if i % 2 else part for i, part in enumerate(sentence.split("`"))]


def _score(record: Record, changed: Mapping[str, Mark], by_hand: list[Mark], late: float) -> list[Content]:
    points = [(_earned(check, changed.get(check.name)), check.points) for check in record.checks]
    points += [(mark.earned or 0.0, mark.points) for mark in by_hand]
    earned, most = sum(each for each, _ in points) - late, sum(each for _, each in points)
    counts = {verdict: sum(check.verdict == verdict for check in record.checks) for verdict in WORDS}
    said = [f"{count} {WORDS[verdict].lower()}" for verdict, count in counts.items() if count]
    waiting = sum(mark.earned is None for mark in by_hand)
    notes = [f"{many(len(record.checks), 'check')}: {', '.join(said)}."] if record.checks else []
    notes += [f"{many(waiting, 'answer')} {'is' if waiting == 1 else 'are'} not marked yet."] if waiting else []
    notes += [f"{many_points(late)} taken off for handing in late."] if late else []
    return [
        element("p", element("strong", number(earned)), " ", element("span", f"of {many_points(most)}"), class_="sum"),
        _meter([(c.verdict if not c.mistake else "mistake", c.points) for c in record.checks]),
        element("p", " ".join(notes), class_="soft"),
    ]


def _meter(parts: list[tuple[str, float]]) -> Markup | None:
    """A bar with a piece a check, as wide as its points; what it shows the sentence below it says."""
    whole = sum(width for _, width in parts)
    if not whole:
        return None
    gap, x = 1.5, 0.0
    pieces = []
    for kind, width in parts:
        span = 600 * width / whole
        pieces.append(element("rect", x=x, y=0, width=max(span - gap, 0.1), height=10, class_=f"fill-{kind}"))
        x += span
    drawing = element("svg", *pieces, viewBox="0 0 600 10", preserveAspectRatio="none", height=10, aria_hidden="true")
    return element("div", drawing, class_="meter")


def _earned(check: Check, changed: Mark | None) -> float:
    return check.earned if changed is None or changed.earned is None else changed.earned


def _notice(record: Record) -> Markup | None:
    if nothing_could_be_read(record):
        words = [element("p", element("strong", "Your work could not be graded yet."))]
        words.append(someone(record.checks[0].message, "p", class_="said"))
    elif record.status == "needs-review":
        words = [
            element("p", element("strong", "Not everything is graded yet.")),
            element("p", "A person looks at what is open. It costs you nothing now, and the points can still come."),
        ]
    else:
        return None
    return element("div", *words, class_="notice", role="note")


def _check(check: Check, changed: Mark | None, comment: str | None, answer: str | None, *, silent: bool) -> Markup:
    """silent: what its message says, the page says already."""
    verdict = element("span", f"{SIGNS[check.verdict]} {WORDS[check.verdict]}", class_="verdict")
    points = element("span", f"{number(_earned(check, changed))} of {number(check.points)}", class_="points")
    said = [element("p", f"Known mistake: {check.mistake}", class_="mistake")] if check.mistake else []
    if check.message.strip() and not silent:
        said.append(_text(check.message, "said", f"What the check of {check.name} says"))
    if changed is not None:
        said.append(element("p", "A person has changed the points of this check.", class_="small"))
    if check.seconds >= SHOWN_SECONDS:
        said.append(element("p", f"It took {number(check.seconds, 1)} s of computing.", class_="small soft"))
    head = element("div", element("h3", element("code", check.name)), element("p", verdict, " ", points), class_="head")
    return element("article", head, *said, _comment(comment), _handed_in(answer), class_=f"check {check.verdict}")


def _answer(name: str, mark: Mark | None, comment: str | None, answer: str | None) -> Markup:
    if mark is None or mark.earned is None:
        points = "not marked yet" if mark is None else f"not marked yet, {many_points(mark.points)}"
    else:
        points = f"{number(mark.earned)} of {number(mark.points)}"
    shown = element("p", element("span", points, class_="points"))
    head = element("div", element("h3", element("code", name)), shown, class_="head")
    return element("article", head, _comment(comment), _handed_in(answer), class_="check not-graded")


def _comment(comment: str | None) -> Markup | None:
    if not comment:
        return None
    return element("div", element("p", "A comment for you", class_="label"), _text(comment, "remark", "Comment"))


def _text(text: str, kind: str, label: str) -> Markup:
    """Text as it was written, in a box that scrolls when it is long, by the keyboard too."""
    long = len(text) > 1200 or text.count("\n") > 14
    return someone(
        text,
        "div",
        class_=kind,
        tabindex=0 if long else None,
        role="region" if long else None,
        aria_label=label if long else None,
    )


def _handed_in(answer: str | None) -> Markup | None:
    if answer is None or not answer.strip():
        return None
    return element(
        "details", element("summary", "What you handed in"), element("pre", someone(answer, "code"), tabindex=0)
    )


def _how_it_was_graded(record: Record) -> Markup:
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    facts = {
        "Your code ran": SANDBOXES[record.sandbox],
        "Graded with": versions,
        "Notebook (SHA-256)": record.submission_sha256 or "none could be read",
        "Unit (SHA-256)": record.assignment_sha256,
        "Seed of the inputs": record.seed,
        "Signature": record.signature or "",
    }
    rows = [[element("dt", name), element("dd", value, class_="mono")] for name, value in facts.items() if value]
    return element("footer", element("dl", rows))
