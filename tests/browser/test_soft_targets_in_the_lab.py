"""A learner's first exercise in the real JupyterLab: wrong, told so by name, put right, passed, and the figure seen."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ARTIFACTS, Lab
from tests.browser.keep import keep
from tests.browser.notebook import cell_with, run, wait_for_kernel, write

WRONG = "def soften(logits, temperature):\n    return (logits * temperature).softmax(-1)"
RIGHT = "def soften(logits, temperature):\n    return (logits / temperature).softmax(-1)"


@pytest.mark.browser
def test_a_wrong_answer_is_named_a_right_one_passes_and_the_figure_appears(page: Page, lab: Lab) -> None:
    page.goto(lab.url("01_soft_targets/01_soft_targets.ipynb"))
    expect(page.locator(".jp-Notebook h1").first).to_contain_text("Soft targets", timeout=90_000)
    wait_for_kernel(page)

    exercise = cell_with(page, "def soften(")
    check = cell_with(page, "check(soften)")
    run(page, check)
    expect(check.locator(".jp-OutputArea")).to_contain_text("NameError", timeout=60_000)

    run(page, exercise)
    run(page, check)
    expect(check.locator(".jp-OutputArea")).to_contain_text("soften: not attempted", timeout=60_000)

    write(page, exercise, WRONG)
    page.keyboard.press("Control+Enter")
    run(page, check)
    expect(check.locator(".jp-OutputArea")).to_contain_text("soften: not yet (temperature multiplied)", timeout=30_000)
    keep(page, "named_mistake")

    write(page, exercise, RIGHT)
    page.keyboard.press("Control+Enter")
    run(page, check)
    expect(check.locator(".jp-OutputArea")).to_contain_text("soften: passed", timeout=30_000)
    page.screenshot(path=ARTIFACTS / "lab_passed.png")

    run(page, cell_with(page, "import torch"))
    run(page, cell_with(page, "glyph_teacher()"))
    figure = cell_with(page, "glyph_teacher()").locator(".jp-OutputArea img")
    expect(figure).to_be_visible(timeout=120_000)
    assert figure.evaluate("picture => picture.naturalWidth") > 300
    figure.scroll_into_view_if_needed()
    page.screenshot(path=ARTIFACTS / "lab_figure.png")
