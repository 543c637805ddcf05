"""Slides: cut along the unit's structure, nothing hidden on them, and what a browser makes of them."""

from pathlib import Path

import pytest

from kdtutor.authoring import Course, read_unit
from kdtutor.authoring.regions import find_regions, hidden_lines, visible_lines
from kdtutor.teaching.slides.deck import deck, questions, shortened
from kdtutor.teaching.slides.page import SIZE, write_slides
from kdtutor.teaching.slides.prose import LINES, blocks, lines_of, pieces
from tests.browser.conftest import ARTIFACTS

COURSE = Course.of(Path(__file__))
UNIT = "01_soft_targets"
SMALLEST = 20  # pixels of text on a slide of 1280 by 720


@pytest.fixture(scope="module")
def slides_file(tmp_path_factory):
    return write_slides(COURSE, UNIT, tmp_path_factory.mktemp("slides") / "slides.html")


def hidden_in(unit: str) -> list[str]:
    """What only the solved notebook says, line by line."""
    hidden, shown = [], []
    for cell in read_unit(COURSE.source(unit)).cells:
        regions, _ = find_regions(cell.source, cell.kind)
        hidden += [line.strip() for _, line in hidden_lines(cell.source, regions)]
        shown += [line for _, line in visible_lines(cell.source, regions)]
    return [line for line in hidden if len(line) > 6 and line not in "\n".join(shown)]


def text_of(notebook) -> str:
    return "\n".join(cell.source for cell in notebook.cells)


def test_a_heading_opens_a_slide_and_a_long_text_goes_on_under_its_name():
    text = "# Title\n\nFirst.\n\n## Section\n\n" + "\n\n".join(["word " * 100] * 3)
    found = list(pieces(text, ""))
    assert [(piece.title, piece.opens) for piece in found] == [
        ("Title", True),
        *[("Section", i == 0) for i in range(3)],
    ]
    assert "".join(piece.text for piece in found).count("word") == 300


def test_formulas_lists_tables_and_code_stay_whole():
    text = "Before\n$$\na\n\nb\n$$\n\n- one\n- two\n\n| a |\n|---|\n\n```\nx\n\ny\n```"
    assert list(blocks(text)) == ["Before\n$$\na\n\nb\n$$", "- one\n- two", "| a |\n|---|", "```\nx\n\ny\n```"]


def test_a_sentence_that_leads_on_goes_with_what_it_leads_to():
    long = "word " * (LINES - 3) * 13
    assert [piece.text for piece in pieces(f"{long}\n\nThree things:\n\n{long}", "")][1].startswith("Three things:")


@pytest.mark.parametrize("unit", COURSE.units)
def test_every_unit_has_slides_with_its_sections_its_questions_and_its_exercises(unit):
    made = text_of(deck(COURSE, unit))
    cells = read_unit(COURSE.source(unit)).cells
    for cell in cells:
        if cell.kind == "markdown":
            for line in cell.source.splitlines():
                assert not line.startswith("## ") or line in made
        if cell.role == "exercise":
            assert f"exercise <code>{cell.name}</code>" in made


@pytest.mark.parametrize("unit", COURSE.units)
def test_no_slide_shows_a_solution_or_a_hidden_test(unit):
    made = text_of(deck(COURSE, unit))
    assert [line for line in hidden_in(unit) if line in made] == []


def test_solutions_are_shown_where_they_are_asked_for_and_tests_never():
    made = text_of(deck(COURSE, UNIT, solutions=True))
    assert "return (logits / temperature).softmax(-1)" in made
    assert "BEGIN SOLUTION" not in made
    assert "secret_logits" not in made


def test_a_question_stands_on_a_slide_before_what_was_measured():
    cells = deck(COURSE, UNIT).cells
    asked = next(i for i, cell in enumerate(cells) if "Predict: probability of O at T = 4" in cell.source)
    answered = next(i for i, cell in enumerate(cells) if "probability of O at T = 4" in str(cell.get("outputs", "")))
    assert asked < answered
    assert all("You made no prediction" not in str(cell.get("outputs", "")) for cell in cells)


def test_only_a_cell_that_predicts_and_does_nothing_else_is_a_question():
    from nbformat.v4 import new_code_cell

    assert questions(new_code_cell('predict("a", ...)\npredict("b", ...)')) == ["a", "b"]
    assert questions(new_code_cell('predict("a", ...)\nx = 1')) == []
    assert questions(new_code_cell("%%time\npredict(")) == []


def test_code_longer_than_a_slide_says_how_much_is_left_out():
    assert shortened("x\n" * 99).endswith("# and 64 lines more, in the notebook")


def test_a_unit_that_is_not_built_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="99_nothing"):
        write_slides(COURSE, "99_nothing", tmp_path / "x.html")


def test_a_table_takes_more_lines_than_its_rows():
    assert lines_of("| a | b |\n|---|---|\n| 1 | 2 |") > 3


@pytest.mark.browser
def test_a_browser_shows_every_slide_whole_in_large_type_by_keyboard_and_asks_no_other_host(page, slides_file):
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
    page.goto(slides_file.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    total = page.evaluate("Reveal.getTotalSlides()")
    assert 35 <= total <= 60
    seen = 0
    for number in range(total):
        here = page.evaluate(
            """() => {
              const slide = Reveal.getCurrentSlide(), style = getComputedStyle(slide);
              const texts = [...slide.querySelectorAll("p, li, pre, td")].filter(e => !e.matches(".section-title"));
              return {height: slide.scrollHeight, width: slide.scrollWidth, tex: slide.innerText.includes("$"),
                      type: Math.min(99, ...texts.map(e => parseFloat(getComputedStyle(e).fontSize))),
                      alt: [...slide.querySelectorAll("img")].map(e => e.alt)};
            }"""
        )
        assert here["height"] <= SIZE[1], number
        assert here["width"] <= SIZE[0], number
        assert here["type"] >= SMALLEST, number
        assert not here["tex"], number
        assert all(len(text) > 40 and "No description" not in text for text in here["alt"]), number
        seen += len(here["alt"])
        if number in (0, 10):
            page.screenshot(path=ARTIFACTS / f"slides_{number:02d}.png")
        page.keyboard.press("Space")
    assert seen >= 5
    assert page.evaluate("Reveal.isLastSlide()")
    page.keyboard.press("Home")
    assert page.evaluate("Reveal.isFirstSlide()")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
