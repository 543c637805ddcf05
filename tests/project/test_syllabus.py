"""The syllabus names only what there is, and leaves out nothing that it has to name."""

import re
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from kdtutor.authoring.layout import Course
from kdtutor.authoring.source import Cell, Role, read_cells, read_text

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.of(ROOT)
FILE = COURSE.solutions / "SYLLABUS.md"
ARTICLES = ("first", "second", "third", "fourth", "fifth")

# What the five articles name, by article: each is the first cell of one row.
TOPICS = {
    "first": (
        "teacher and student", "temperature", "KL divergence", "soft targets", "the training loop with SGD",
        "weight clipping: student weights drawn toward the teacher's", "pruning: dropping unimportant neurons",
        "distillation for vision", "distillation for language", "distillation for speech",
        "distillation together with other compression", "distillation with little data",
        "student and teacher of very different structure", "rare classes: weights in the divergence",
        "rare classes: over-sampling and under-sampling",
    ),
    "second": (
        "pseudo-labels mixed with true labels", "the flow: train, judge, label, train, judge, repeat",
        "structured pruning", "unstructured pruning", "contribution by L1 and L2 norm", "training with an L1 penalty",
        "retraining after pruning", "the case ResNet-50 to MobileNet on CIFAR-10",
        "the case of a speech model pruned by half", "first distil, then prune", "mobile and edge devices",
        "online learning: following a drifting stream", "personalised recommendation", "adaptive compression",
    ),
    "third": (
        "question: definition", "question: principle", "question: advantages", "question: applications",
        "question: challenges", "task: the loss of two given distributions",
        "task: train until the student gives the teacher's distribution",
    ),
    "fourth": (
        "the total loss: labels plus λ times teacher", "a teacher's weights shared by k-means",
        "L1 regularisation as compression", "L2 regularisation as compression", "retraining after compression",
    ),
    "fifth": (
        "principal components", "Euclidean distance and k-means: one point a cluster",
        "selection by information gain", "selection by mutual information", "selection by ratio of variances",
        "selection by chi²", "recursive feature elimination", "LASSO", "selection by entropy and correlation",
        "mean quantisation of data", "log quantisation of data", "mean quantisation of weights",
        "log quantisation of weights", "gradient quantisation", "weights of 4 bits",
        "pruning weights: element by element", "pruning weights: layer by layer (“hierarchical”)",
        "pruning weights: at random", "pruning neurons: one by one", "pruning neurons: layer by layer (“hierarchical”)",
        "pruning neurons: at random", "regime: distillation training", "regime: pre-training", "regime: fine-tuning",
        "entropy distillation", "information-entropy distillation", "entropy-sparse distillation",
        "outlook: better transfer", "outlook: adaptive distillation", "outlook: several tasks", "outlook: theory",
    ),
}  # fmt: skip

# Where they are wrong: the article's number, and a word that the row's description of the fault must hold.
FAULTS = (
    (1, "logarithms"), (1, "formula"), (2, "fits the teacher's output alone"), (2, "scalar"), (2, "signed weights"),
    (2, "million parameters"), (2, "citation graph"), (3, "0.16"), (3, "soft labels"), (4, "never appears"),
    (4, "weight decay"), (5, "not used"), (5, "amount to remove"), (5, "classes of a quantisation module"),
    (5, "signed mean"), (5, "negative numbers"), (5, "all zero"),
)  # fmt: skip

Row = dict[str, str]


@cache
def tables() -> dict[str, list[Row]]:
    """Every table of the syllabus, by the heading above it: a row is {heading of the column: cell}."""
    found: dict[str, list[Row]] = {}
    title, columns = "", []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            title, columns = line.lstrip("# "), []
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = cells
            elif not set(line) <= set("|-"):
                assert len(cells) == len(columns), f"{title}: {line}"
                found.setdefault(title, []).append(dict(zip(columns, cells, strict=True)))
    return found


def topic_rows(article: str) -> list[Row]:
    (title,) = [title for title in tables() if title.startswith(f"The {article} article")]
    return tables()[title]


@cache
def cells_of(unit: str) -> list[Cell]:
    source = COURSE.source(unit)
    cells, problems = read_cells(read_text(source), COURSE.named(source))
    assert problems == []
    return cells


def text_of(unit: str) -> str:
    return "\n".join(cell.source for cell in cells_of(unit))


def prose_of(unit: str) -> str:
    return "\n".join(cell.source for cell in cells_of(unit) if cell.kind == "markdown")


def headings_of(unit: str) -> set[str]:
    return {line.lstrip("# ") for line in prose_of(unit).splitlines() if re.match(r"#{1,4} ", line)}


def exercises_of(unit: str) -> set[str]:
    return {cell.name for cell in cells_of(unit) if cell.role is Role.EXERCISE}


def folders(numbers: str) -> list[str]:
    """The units of "02, 13": ["02_distillation", "13_at_scale"]."""
    by_number = {row["unit"]: row["folder"].strip("`") for row in tables()["Units"]}
    return [by_number[number] for number in numbers.split(", ")]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def sections_in(cell: str) -> list[str]:
    return re.findall(r"“([^”]*)”", cell)


@pytest.mark.parametrize("row", tables()["Units"], ids=lambda row: row["folder"].strip("`"))
def test_a_unit_is_there_under_the_title_time_and_points_that_it_has_here(row: Row) -> None:
    (unit,) = folders(row["unit"])
    assert unit in COURSE.units
    assert unit.startswith(f"{row['unit']}_")
    contract = prose_of(unit)
    assert f"# {row['title']}\n" in contract
    assert f"| Time | {row['time']} |" in contract
    assert f"| Points | {row['points']} |" in contract


def test_every_unit_of_the_course_is_listed_once() -> None:
    assert [names_in(row["folder"])[0] for row in tables()["Units"]] == COURSE.units


@pytest.mark.parametrize("unit", COURSE.units)
def test_the_exercises_of_a_unit_are_all_listed_and_no_other(unit: str) -> None:
    listed = [names_in(row["exercise"])[0] for row in tables()["Exercises"] if folders(row["unit"]) == [unit]]
    assert sorted(listed) == sorted(exercises_of(unit))


def test_no_exercise_is_listed_without_saying_what_it_builds() -> None:
    for row in tables()["Exercises"]:
        assert row["what is built"].strip("—"), row["exercise"]
        assert row["function"] == "—" or names_in(row["function"]), row["exercise"]


FUNCTIONS = sorted({name for rows in tables().values() for row in rows for name in names_in(row.get("function", ""))})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_can_be_imported_from_where_it_is_said_to_be(name: str) -> None:
    module, _, attribute = f"kdtutor.{name}".rpartition(".")
    found = getattr(import_module(module), attribute)
    assert callable(found), f"{name} is {found!r}"


@pytest.mark.parametrize("article", ARTICLES)
def test_every_topic_of_an_article_has_one_row_and_leads_somewhere(article: str) -> None:
    rows = topic_rows(article)
    assert [row["topic"] for row in rows] == list(TOPICS[article])
    for row in rows:
        units = folders(row["unit"])
        exercises, sections = names_in(row["exercise or section"]), sections_in(row["exercise or section"])
        assert exercises or sections, row["topic"]
        for name in exercises:
            assert any(name in exercises_of(unit) for unit in units), f"{row['topic']}: no exercise {name}"
        for title in sections:
            assert any(title in headings_of(unit) for unit in units), f"{row['topic']}: no section {title}"
        for unit in units:
            here = set(exercises) & exercises_of(unit) or set(sections) & headings_of(unit)
            assert here, f"{row['topic']}: nothing in the row lies in {unit}"
        assert row["function"] == "—" or names_in(row["function"]), row["topic"]


def test_every_fault_of_the_articles_has_a_section_that_is_there() -> None:
    rows = tables()["Where the articles are wrong"]
    assert len(rows) == len(FAULTS)
    for row, (article, word) in zip(rows, FAULTS, strict=True):
        assert (row["article"], word in row["fault"]) == (str(article), True), row["fault"]
        assert row["what happens"]
        sections, units = sections_in(row["section"]), folders(row["unit"])
        assert len(sections) == len(units), row["fault"]
        for title, unit in zip(sections, units, strict=True):
            assert title in headings_of(unit), f"{row['fault']}: no section {title!r} in {unit}"


def test_the_glossary_is_sorted_and_has_each_term_once_in_both_languages() -> None:
    rows = tables()["Glossary"]
    terms = [row["term"] for row in rows]
    assert terms == sorted(terms, key=str.casefold)
    assert max(Counter(term.casefold() for term in terms).values()) == 1
    for row in rows:
        assert re.search(r"[\u4e00-\u9fff]", row["中文"]), row["term"]
        assert re.fullmatch(r"[A-Z].*\.", row["in one sentence"]), row["term"]


@pytest.mark.parametrize("row", tables()["Glossary"], ids=lambda row: row["term"])
def test_a_term_of_the_glossary_is_used_in_the_unit_it_is_said_to_belong_to(row: Row) -> None:
    (unit,) = folders(row["unit"])
    text = re.sub(r"[^a-z0-9]+", " ", text_of(unit).casefold())
    for word in re.findall(r"[a-z0-9]{4,}", row["term"].casefold()):
        stem = word[: max(4, len(word) - 3)]  # pruning, pruned; quantisation, quantised
        assert re.search(rf"\b{stem}", text), f"{unit} never says {word!r}"
