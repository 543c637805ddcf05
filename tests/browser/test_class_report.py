"""The report for a class as an instructor opens it: who did what, which mistakes they share, which item tells."""

import pytest
from playwright.sync_api import Page, expect

from kdtutor.checks.examine import examine
from kdtutor.checks.registry import find
from kdtutor.grading.pages.page import write_page
from kdtutor.grading.pages.report import report
from kdtutor.grading.records.record import Check
from tests.browser.keep import keep
from tests.grading.pages import UNIT, record

POINTS = {"soften": 2, "entropy": 2, "kl_divergence": 2, "kd_loss": 3, "kd_gradient": 2, "which_divergence": 1}
# What each learner of a class got wrong, by the names of known mistakes
CLASS = {
    "amina": {},
    "ben": {"kd_loss": "no T²", "kd_gradient": "gradient without T²"},
    "chiara": {"kd_loss": "no T²"},
    "dmitri": {"entropy": "base two", "kd_loss": "averaged over classes", "kd_gradient": "divided by classes"},
    "elif": {"which_divergence": "the usual direction"},
    "farid": {"kl_divergence": "directions swapped", "kd_loss": "directions swapped"},
    "grace": {"kd_loss": "no T²", "which_divergence": "what the text says"},
    "hiro": {},
    "irina": {"soften": "temperature multiplied", "entropy": "sign", "kd_loss": "no T²", "kd_gradient": "sign"},
    "jonas": {"kl_divergence": "cross-entropy", "which_divergence": "what the text says"},
    "kamala": {"kd_loss": "teacher in the graph"},
    "luca": {"kd_gradient": "gradient without T²"},
}


def answered(exercise: str, mistake: str | None) -> Check:
    """The check of an answer that makes this mistake, examined; passed where it makes none."""
    if mistake is None:
        return Check(exercise, POINTS[exercise], "passed", None, "Right.", 0.1)
    (wrong,) = [each.solution for each in find(exercise).mistakes if each.name == mistake]
    verdict = examine(exercise, wrong)
    return Check(exercise, POINTS[exercise], verdict.status, verdict.mistake, verdict.message, 0.1)


@pytest.mark.browser
def test_a_class_s_report_names_the_mistakes_that_its_learners_share(page: Page, tmp_path) -> None:
    records = [
        record(learner, [answered(exercise, made.get(exercise)) for exercise in POINTS])
        for learner, made in CLASS.items()
    ]
    write_page(report(records, title="Soft targets", unit=UNIT), tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    mistakes = page.get_by_role("table").filter(has_text="no T²").first
    expect(mistakes.get_by_role("row").filter(has_text="no T²").first).to_contain_text("4")
    expect(page.locator("body")).to_contain_text("gradient without T²")
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    keep(page, "class_report")
