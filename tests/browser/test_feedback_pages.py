"""The pages of grading in a real browser: nothing that a learner wrote runs, and they fit a phone."""

import pytest
from playwright.sync_api import Page

from kdtutor.grading.gradebook.by_person import ByPerson
from kdtutor.grading.pages.feedback import feedback
from kdtutor.grading.pages.page import write_page
from kdtutor.grading.pages.report import report
from kdtutor.grading.pages.unit_words import UnitWords
from kdtutor.grading.records.record import Check
from tests.browser.conftest import ARTIFACTS
from tests.grading.pages import HOSTILE, UNIT, record

EVERYTHING = "\n".join(HOSTILE.values())


def hostile_pages() -> dict[str, str]:
    checks = [
        Check(f"check_{k}", 2, "failed", text, f"{text}\n{text[::-1]}") for k, text in enumerate(HOSTILE.values())
    ]
    checks.append(Check("open", 2, "not-graded", None, EVERYTHING))
    given = record(checks=checks, repairs=[*HOSTILE.values()], versions={"kdtutor": EVERYTHING})
    texts = {check.name: EVERYTHING for check in checks}
    return {
        "feedback": feedback(given, UnitWords("Soft targets"), answers=texts, added=ByPerson({}, texts)),
        "report": report([given], title=EVERYTHING, unit=UNIT, refused={"eve": EVERYTHING}),
    }


@pytest.mark.browser
@pytest.mark.parametrize("name", ["feedback", "report"])
def test_hostile_text_runs_nothing_loads_nothing_and_breaks_no_layout(page: Page, tmp_path, name: str) -> None:
    path = tmp_path / f"{name}.html"
    write_page(hostile_pages()[name], path)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    for width, scheme in ((1280, "light"), (360, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(path.as_uri())
        assert page.title() != "owned"
        assert page.evaluate("document.scripts.length") == 0
        assert page.evaluate("document.styleSheets.length") == 1
        assert page.evaluate("document.querySelectorAll('img, iframe, a, form, [style], [onerror]').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator("h1").is_visible()
        page.screenshot(path=ARTIFACTS / f"{name}_{scheme}.png", full_page=True)
    assert set(asked) == {path.as_uri()}


@pytest.mark.browser
def test_the_page_s_own_policy_stops_a_script_that_got_in(page: Page, tmp_path) -> None:
    """Not by escaping, which is tested elsewhere: the second wall alone."""
    broken = hostile_pages()["feedback"].replace(
        "<main>", "<main><script>document.title='owned'</script><b id=x onclick=\"document.title='owned'\">b</b>"
    )
    path = tmp_path / "broken.html"
    path.write_text(broken, encoding="utf-8")
    page.goto(path.as_uri())
    page.locator("#x").click()
    assert page.title() != "owned"


@pytest.mark.browser
def test_colours_follow_the_reader_s_scheme_and_the_style_is_in_force(page: Page, tmp_path) -> None:
    path = tmp_path / "feedback.html"
    write_page(feedback(record(), UnitWords("Soft targets")), path)
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(path.as_uri())
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(253, 253, 252)", "rgb(20, 23, 26)"]
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
