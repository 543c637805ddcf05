"""The learner's page: it says what the record says, in a way that everybody can read, and nothing on it acts."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.grading.gradebook.by_person import ByPerson, Mark
from kdtutor.grading.pages.feedback import feedback
from kdtutor.grading.pages.inert_text import inert
from kdtutor.grading.pages.page import element, markup, page
from kdtutor.grading.pages.page_style import STYLE
from kdtutor.grading.pages.unit_words import UnitWords
from kdtutor.grading.pages.verdict_words import WORDS
from kdtutor.grading.records.record import Check
from tests.grading.pages import HOSTILE, UNSEEN, assert_inert, read, record

WORDS_OF_UNIT = UnitWords("Soft targets", {"check_kd_loss": "kd_loss"}, ("why_soft",), "02_distillation")


def shown(*checks, **changes):
    return feedback(record(checks=list(checks) or None, **changes), WORDS_OF_UNIT)


def test_score_verdict_points_message_and_known_mistake_of_each_check_are_there():
    given = record()
    text = assert_inert(feedback(given, WORDS_OF_UNIT)).text
    assert "2 of 12 points" in text
    for check in given.checks:
        assert check.name in text
        assert WORDS[check.verdict] in text
        assert f"{check.earned:g} of {check.points:g}" in text
        assert check.message in text
    assert "Known mistake: mean over classes" in text
    assert "1 passed, 2 not yet, 1 raised an error, 1 ran out of time, 1 not attempted." in text


def test_what_to_do_next_begins_with_what_is_nearest_to_done():
    steps = "".join(read(shown()).of("ol"))
    order = [steps.index(name) for name in ("entropy", "kl_divergence", "kd_loss")]
    assert order == sorted(order)
    assert "a known mistake, “mean over classes”" in steps
    assert "2 more checks" in steps
    assert "hint(kl_divergence)" in steps
    assert "kdtutor check 01_soft_targets" in steps


def test_who_has_done_everything_is_sent_on_to_the_next_unit():
    done = shown(Check("soften", 2, "passed"))
    assert "Every check passed. Go on with 02_distillation." in read(done).text
    last = feedback(record(checks=[Check("soften", 2, "passed")]), UnitWords("Soft targets"))
    assert "this unit is done" in read(last).text


def test_repairs_are_told_where_there_are_any():
    sentence = "The cell check_soften is read-only: what was changed in it has been undone."
    assert sentence in read(shown(repairs=[sentence])).text
    assert "put right" not in read(shown()).text


def test_a_file_that_could_not_be_read_is_told_once_and_not_blamed_on_each_check():
    problem = "The file is not a whole notebook: its JSON is broken in line 1, column 2."
    checks = [Check(name, 2, "not-graded", None, problem) for name in ("soften", "entropy")]
    text = assert_inert(shown(*checks, submission_sha256=None)).text
    assert text.count(problem) == 1
    assert "could not be graded yet" in text
    assert text.count("Not graded yet") == 2


def test_a_check_that_was_not_graded_is_no_loss_and_no_task():
    text = assert_inert(shown(Check("a", 1, "passed"), Check("b", 1, "not-graded", None, "no words for it"))).text
    assert "Not everything is graded yet" in text
    assert "no words for it" in text
    assert "needs nothing from you" in text


def test_what_a_person_marked_counts_and_comments_are_shown():
    added = ByPerson(
        {"why_soft": Mark(3, 2.5, True), "check_kd_loss": Mark(3, 1, True), "check_soften": Mark(2, 2, False)},
        {"why_soft": "And for T → ∞?", "kd_loss": "Half of it is right."},
        late=0.5,
    )
    text = assert_inert(feedback(record(), WORDS_OF_UNIT, added=added)).text
    assert "5 of 15 points" in text  # 2 passed, 1 changed by a person, 2.5 marked, 0.5 off for being late
    assert "2.5 of 3" in text
    assert "And for T → ∞?" in text
    assert "Half of it is right." in text
    assert "A person has changed the points of this check." in text
    assert "0.5 points taken off" in text


def test_an_answer_that_nobody_has_marked_yet_says_so():
    added = ByPerson({"why_soft": Mark(3, None, False)})
    text = read(feedback(record(), WORDS_OF_UNIT, added=added, answers={"why_soft": "Because."})).text
    assert "2 of 15 points" in text
    assert "1 answer is not marked yet" in text
    assert "Because." in text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_shown_and_does_nothing_wherever_it_comes_from(text):
    checks = [
        Check("soften", 2, "failed", text, text),
        Check("entropy", 2, "error", None, text),
        Check("kl_divergence", 2, "not-graded", None, text),
    ]
    given = record(checks=checks, repairs=[text], versions={"kdtutor": text})
    everywhere = dict.fromkeys(("soften", "entropy", "kl_divergence", "why_soft"), text)
    added = ByPerson({"why_soft": Mark(3, 1, True)}, everywhere)
    words = UnitWords(text, {}, ("why_soft",), text)
    harmless = feedback(record(checks=[Check("x", 2, "failed", "y", "z")], repairs=["z"]), UnitWords("w"))
    found = assert_inert(feedback(given, words, answers=everywhere, added=added))
    assert set(found.tags) <= set(read(harmless).tags) | {"details", "summary", "pre", "article", "div"}
    assert found.text.count(inert(given.checks[1].message)) >= 3 + 1 + 4 + 4  # checks, repair, comments, answers
    assert inert(text) in found.of("h1")


@given(st.text(max_size=60))
def test_any_text_comes_out_of_a_page_as_it_went_in_but_for_what_is_not_seen(text):
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    found = read(page("t", element("p", text, title=text)))
    assert "".join(found.of("p")) == inert(text)
    assert next(given for tag, given in found.elements if tag == "p")["title"] == inert(text)
    assert not UNSEEN.search(inert(text))


def test_what_is_not_seen_is_named_by_its_number():
    assert inert("\x1b[31m\u202eabc\u00a0\r\n\td\r") == "[U+001B][31m[U+202E]abc \n\td[U+000D]"
    assert inert("שלום 你好 é 👩‍🔬") == "שלום 你好 é 👩‍🔬"


@pytest.mark.parametrize("name", ["onclick", "ONLOAD", "style", "a b", "x>"])
def test_an_element_refuses_attributes_that_could_act(name):
    with pytest.raises(ValueError, match="attribute"):
        element("p", **{name: "1"})


def test_an_element_refuses_a_tag_that_is_none():
    with pytest.raises(ValueError, match="tag"):
        element("p><script")


def test_text_is_escaped_once_and_markup_not_again():
    assert markup(["<", element("b", "&", None, ["x", element("i", "<")])]) == "&lt;<b>&amp;x<i>&lt;</i></b>"


def test_long_text_can_be_reached_by_the_keyboard_in_its_box():
    found = read(shown(Check("a", 1, "failed", None, "x" * 4000)))
    assert [given["tabindex"] for given in found.with_class("said")] == ["0"]
    assert "tabindex" not in read(shown()).with_class("said")[0]


def test_a_page_has_a_language_one_title_and_headings_without_a_gap():
    found = read(shown(repairs=["x"]))
    assert ("html", {"lang": "en"}) in found.elements
    assert found.tags.count("h1") == found.tags.count("title") == found.tags.count("main") == 1
    levels = [int(tag[1]) for tag in found.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert any(given.get("name") == "viewport" for _, given in found.elements)
    labels = {given["aria-labelledby"] for _, given in found.elements if "aria-labelledby" in given}
    assert labels <= {given.get("id") for _, given in found.elements}
    drawings = [attributes for tag, attributes in found.elements if tag == "svg"]
    assert all("aria-hidden" in each or each.get("aria-label") for each in drawings)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme):
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[("light", "dark").index(scheme)]))
    for text in ("ink", "soft", "passed", "failed", "error", "timeout", "empty", "open"):
        for ground in ("ground", "sheet", "tint"):
            if ground == "tint" and text not in ("ink", "soft"):
                continue
            lighter, darker = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (scheme, text, ground)


def test_the_same_record_gives_the_same_page():
    assert shown() == shown()


def test_no_page_refers_to_anything_outside_itself():
    given = shown()
    assert "http" not in given.replace("http-equiv", "")
    assert "url(" not in given
    assert "@import" not in given
