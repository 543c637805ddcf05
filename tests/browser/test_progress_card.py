"""The card of progress in the real JupyterLab: folded code, states in words, renewed by a check below it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ARTIFACTS, Lab
from tests.browser.notebook import cell_with, run, wait_for_kernel, write

RIGHT = "def top_1_accuracy(logits, labels):\n    return (logits.argmax(-1) == labels).float().mean()"


@pytest.mark.browser
def test_the_card_at_the_top_says_untouched_and_then_done(page: Page, lab: Lab) -> None:
    page.goto(lab.url("00_start_here/00_start_here.ipynb"))
    expect(page.locator(".jp-Notebook h1").first).to_contain_text("Start here", timeout=90_000)
    wait_for_kernel(page)

    card = page.locator(".jp-Notebook .jp-Cell").nth(1)
    page.locator(".jp-Notebook h1").first.click()
    page.keyboard.press("Shift+Enter")  # on to the card
    page.keyboard.press("Shift+Enter")
    shown = card.locator(".jp-OutputArea")
    expect(shown).to_contain_text("0 of 1 exercises done", timeout=90_000)
    expect(shown).to_contain_text("top_1_accuracy untouched")
    expect(shown).to_contain_text("Kept on this computer alone")

    exercise = cell_with(page, "def top_1_accuracy(")
    write(page, exercise, RIGHT)
    page.keyboard.press("Control+Enter")
    run(page, cell_with(page, "check(top_1_accuracy)"))
    expect(shown).to_contain_text("1 of 1 exercises done", timeout=60_000)
    expect(shown).to_contain_text("top_1_accuracy done")
    expect(card.locator(".jp-Placeholder").first).to_be_visible()  # its code stays folded
    card.scroll_into_view_if_needed()
    page.screenshot(path=ARTIFACTS / "lab_progress_card.png")
