"""The page for the whole class: who did what, which mistakes were made, how the exercises did, who needs review."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from kdtutor.grading.pages.drawings import bar, histogram, scatter, swatch, unbeaten
from kdtutor.grading.pages.item_statistics import ENOUGH, FEWEST, Discrimination, Item, items
from kdtutor.grading.pages.misconceptions import Misconception, misconceptions
from kdtutor.grading.pages.next_steps import many_points
from kdtutor.grading.pages.page import Content, Markup, element, many, number, page, someone
from kdtutor.grading.pages.review import Review, reviews
from kdtutor.grading.pages.verdict_words import SIGNS, WORDS, in_words
from kdtutor.grading.records.record import Check, Record, secret_for

Named = Callable[[str], str]
OUTCOMES = {
    "passed": "passed",
    "mistake": "known mistake",
    "failed": "wrong in another way",
    "error": "raised an error",
    "timeout": "ran out of time",
    "not-attempted": "not attempted",
    "not-graded": "not graded yet",
}
MISTAKE_HEADINGS = (("known mistake", ""), ("exercise", ""), ("learners", "right"), ("", ""), ("", ""))
EXERCISE_HEADINGS = (
    ("exercise", ""),
    ("points", "right"),
    ("outcomes", ""),
    ("points earned", "right"),
    ("graded", "right"),
    ("discrimination", "right"),
    ("seconds: median, most", "right"),
)
SUM_HEADINGS = (("score", "right"), ("seconds", "right"))
WHAT_IT_MEANS = (
    "Points earned: the mean share of the exercise's points, over the learners for whom it was graded. Nothing handed "
    "in counts as 0; 1 is easy, 0 is hard.",
    "Discrimination: does the exercise tell those who did well on the rest from those who did not? It is the "
    "correlation of its points with the points on all other exercises of the unit (corrected item–total correlation; "
    "as a check earns all or nothing, the point-biserial one with the exercise left out of the total). Near 0 it says "
    "nothing about the rest, below 0 look at the exercise itself.",
    f"In brackets its 95 % interval (Fisher's, approximate for such scores). Below {FEWEST} learners none is shown; "
    f"below {ENOUGH} it is marked ≈, since the interval is wider than ± 0.35 and a value may well be chance.",
    "Seconds: CPU time of grading an attempt, test and learner's code together. It is no part of what is signed.",
)


def report(
    records: Sequence[Record],
    *,
    title: str,
    unit: str,
    refused: Mapping[str, str] | None = None,
    key: bytes | None = None,
) -> str:
    """The page as an HTML document.

    records: of one unit, already verified. refused: learners whose records are not believed, and why. key: given, the
    page is anonymous: learners are numbered in an order that only this key gives, and no text of a learner's is quoted.
    """
    refused = refused or {}
    current, others = _of_one_version(records)
    shares = [record.score / record.max_score for record in current if record.status == "graded" and record.max_score]
    named = _numbers([*(record.learner for record in records), *refused], unit, key) if key else str
    found, unsettled = items(current), reviews(current, refused, others)
    return page(
        f"{title}: report for the class",
        element(
            "header",
            element("p", f"Class report · {unit}", class_="label"),
            element("h1", title),
            _figures(current, learners=len(records) + len(refused), unsettled=len(unsettled)),
            _remarks(current),
            histogram(shares, "Learners by share of the points"),
            class_="wide",
        ),
        _reviews(unsettled, named, quoting=key is None),
        _misconceptions(misconceptions(current), named),
        _exercises(found, current),
        _measured(current, named),
        _class(current, found, named),
        _section("How to read this", element("ul", (element("li", each) for each in WHAT_IT_MEANS))),
    )


def _of_one_version(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The records of the version of the unit that most of them are of, and the others: their checks may differ."""
    versions = Counter(record.assignment_sha256 for record in records)
    most = versions.most_common(1)[0][0] if versions else ""
    return (
        [record for record in records if record.assignment_sha256 == most],
        [record for record in records if record.assignment_sha256 != most],
    )


def _numbers(learners: Iterable[str], unit: str, key: bytes) -> Named:
    """Names by number. The order is the key's, so that a place in the alphabet gives nobody away."""
    shuffled = sorted(set(learners), key=lambda learner: secret_for(key, learner, f"report {unit}"))
    width = len(str(len(shuffled)))
    numbers = {learner: f"Learner {place:0{width}}" for place, learner in enumerate(shuffled, 1)}
    return numbers.__getitem__


def _section(heading: str, *content: Content) -> Markup:
    name = heading.lower().replace(" ", "-").replace("?", "")
    return element("section", element("h2", heading, id=name), *content, aria_labelledby=name)


def _table(caption: str, headings: Sequence[tuple[Content, str]], rows: Iterable[Content]) -> Markup:
    """headings: what each says and its class, for the side it stands on."""
    cells = (element("th", heading, scope="col", class_=side or None) for heading, side in headings)
    head = element("thead", element("tr", *cells))
    table = element("table", element("caption", caption), head, element("tbody", *rows))
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _figures(records: Sequence[Record], *, learners: int, unsettled: int) -> Markup:
    graded = [record for record in records if record.status == "graded"]
    scores = [record.score for record in graded]
    facts = [(str(learners), "learners"), (str(len(graded)), "graded"), (str(unsettled), "need review")]
    if scores:
        most = max(record.max_score for record in graded)
        facts.append((number(statistics.fmean(scores), 1), f"mean of {many_points(most)}"))
        facts.append((number(statistics.median(scores), 1), "median"))
    return element("div", *(element("p", element("strong", n), what) for n, what in facts), class_="figures")


def _remarks(records: Sequence[Record]) -> list[Markup]:
    open_ones = sum(record.sandbox == "none" for record in records)
    versions = {tuple(record.versions.items()) for record in records}
    repaired = sum(bool(record.repairs) for record in records)
    said = []
    if open_ones:
        said.append(f"{many(open_ones, 'submission')} ran without a sandbox, as trusted work.")
    if len(versions) > 1:
        said.append(f"Graded by {len(versions)} different versions of the grader: compare with care, or grade again.")
    if repaired:
        said.append(
            f"{many(repaired, 'notebook')} had to be put right before grading; each learner's feedback says how."
        )
    return [element("p", each, class_="soft") for each in said]


def _reviews(found: Sequence[Review], named: Named, *, quoting: bool) -> Markup:
    heading = "Who needs review"
    if not found:
        return _section(heading, element("p", "Nobody.", class_="soft"))
    rows = []
    for each in found:
        quoted = someone(each.quotes, "div", class_="plain soft") if each.quotes and quoting else None
        why = element("td", each.why, quoted, class_="long")
        rows.append(element("tr", element("th", someone(named(each.learner)), scope="row", class_="fixed"), why))
    left_out = " Quoted reasons are left out, since they may name somebody." if not quoting else ""
    caption = f"{many(len(found), 'learner')}; nothing here counts as 0 points for good.{left_out}"
    return _section(heading, _table(caption, (("learner", ""), ("why", "")), rows))


def _misconceptions(found: Sequence[Misconception], named: Named) -> Markup:
    heading = "Misconceptions"
    if not found:
        return _section(heading, element("p", "No known mistake was made.", class_="soft"))
    rows = []
    for each in found:
        who = ", ".join(sorted(map(named, each.learners)))
        n = len(each.learners)
        rows.append(
            element(
                "tr",
                element("th", each.mistake, scope="row", class_="long"),
                element("td", element("code", each.exercise)),
                element("td", f"{n} of {each.attempts}", class_="right"),
                element("td", bar([("mistake", n), ("ground", each.attempts - n)]), class_="bar"),
                element("td", element("details", element("summary", "who"), someone(who)), class_="long"),
            )
        )
    caption = "Known mistakes that a check recognised, of those who handed in something for the exercise"
    return _section(heading, _table(caption, MISTAKE_HEADINGS, rows))


def _exercises(found: Sequence[Item], records: Sequence[Record]) -> Markup:
    rows = []
    for item in found:
        outcomes = Counter(_outcome(check) for record in records for check in record.checks if check.name == item.name)
        shares = [(kind, float(outcomes[kind])) for kind in OUTCOMES if outcomes[kind]]
        said = ", ".join(f"{int(count)} {OUTCOMES[kind]}" for kind, count in shares)
        rows.append(
            element(
                "tr",
                element("th", element("code", item.name), scope="row", class_="fixed"),
                element("td", number(item.points), class_="right"),
                element("td", bar(shares, said), class_="bar"),
                element("td", "–" if item.difficulty is None else f"{item.difficulty:.2f}", class_="right"),
                element("td", number(item.n), class_="right"),
                element("td", _discrimination(item.discrimination), class_="right"),
                element("td", _seconds(item), class_="right"),
            )
        )
    legend = element("ul", (element("li", swatch(kind), words) for kind, words in OUTCOMES.items()), class_="legend")
    return _section("Exercises", legend, _table("How each exercise did", EXERCISE_HEADINGS, rows))


def _measured(records: Sequence[Record], named: Named) -> Markup | None:
    """What test cells measured: a picture of the first two numbers with their front, and all of them in a table."""
    rows = {
        named(record.learner): dict(pair for check in record.checks for pair in check.measured.items())
        for record in records
        if any(check.measured for check in record.checks)
    }
    names = list(dict.fromkeys(name for numbers in rows.values() for name in numbers))
    if not names:
        return None
    whole = {who: tuple(numbers[n] for n in names) for who, numbers in rows.items() if len(numbers) == len(names)}
    front = unbeaten(whole)
    lines = []
    for who in sorted(rows):
        cells = [element("td", f"{rows[who][n]:,.4g}" if n in rows[who] else "–", class_="right") for n in names]
        on_front = element("td", "yes" if who in front else "", class_="middle")
        lines.append(element("tr", element("th", someone(who), scope="row", class_="fixed"), *cells, on_front))
    headings = [("learner", ""), *((name, "right") for name in names), ("front", "middle")]
    caption = "Less is better in each. On the front: nobody else is as good in all of them and better in one"
    picture = scatter(whole, front, (names[0], names[1])) if len(names) > 1 and whole else None
    return _section("What was measured", picture, _table(caption, headings, lines))


def _outcome(check: Check) -> str:
    return "mistake" if check.mistake else check.verdict


def _discrimination(found: Discrimination) -> str:
    if found.r is None:
        return f"{found.reason} (n = {found.n})"
    rough = "≈ " if found.n < ENOUGH else ""
    r, low, high = (f"{value:.2f}".replace("-", "−") for value in (found.r, found.low, found.high))
    return f"{rough}{r} [{low}, {high}], n = {found.n}"


def _seconds(item: Item) -> str:
    if item.seconds is None or item.slowest is None:
        return "–"
    return f"{item.seconds:.2f}, {item.slowest:.2f}"


def _class(records: Sequence[Record], found: Sequence[Item], named: Named) -> Markup:
    rows = []
    for record in sorted(records, key=lambda record: named(record.learner)):
        checks = {check.name: check for check in record.checks}
        cells = [_cell(checks.get(item.name)) for item in found]
        score = element("td", f"{number(record.score)} of {number(record.max_score)}", class_="right")
        spent = element("td", f"{sum(check.seconds for check in record.checks):.1f}", class_="right soft")
        name = someone(named(record.learner))
        rows.append(element("tr", element("th", name, scope="row", class_="fixed"), *cells, score, spent))
    headings = [("learner", ""), *((element("code", item.name), "middle") for item in found), *SUM_HEADINGS]
    signs = ", ".join(f"{SIGNS[verdict]} {words.lower()}" for verdict, words in WORDS.items())
    return _section("Learners and exercises", _table(f"{signs}. A mark's tip names the mistake.", headings, rows))


def _cell(check: Check | None) -> Markup:
    if check is None:
        return element("td", element("span", "no such check", class_="hidden"))
    said = in_words(check)
    return element(
        "td",
        element("span", SIGNS[check.verdict], title=said, aria_hidden="true"),
        element("span", said, class_="hidden"),
        class_=f"cell {check.verdict}",
    )
