"""An explorer in the real JupyterLab: a prediction first, then a slider moved by keyboard, at a desk and on a phone."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import grave_faults
from tests.browser.conftest import Lab
from tests.browser.keep import keep
from tests.browser.notebook import run, wait_for_kernel

EXPLORER = ".kdtutor-explorer"
SOURCE = "from kdtutor.demos import explore_temperature\n\nexplore_temperature()"
NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "id": "one", "metadata": {}, "source": SOURCE, "outputs": [], "execution_count": None}
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip


def opened(page: Page, lab: Lab, name: str) -> Locator:
    """The explorer of a fresh notebook, run by hand."""
    put = page.request.put(
        f"{lab.address}/api/contents/{name}",
        data={"type": "notebook", "format": "json", "content": NOTEBOOK},
        headers={"Authorization": f"token {lab.token}"},
    )
    assert put.ok, put.text()
    page.goto(lab.url(name))
    wait_for_kernel(page)
    if page.viewport_size and page.viewport_size["width"] < 600:
        page.keyboard.press("Control+b")  # the list of files leaves no room for a notebook on a phone
    run(page, page.locator(".jp-CodeCell").first)
    explorer = page.locator(EXPLORER)
    expect(explorer).to_be_visible(timeout=60_000)
    return explorer


def photograph(page: Page, explorer: Locator, place: str) -> None:
    """The controls at the top, the pictures below."""
    explorer.locator(".controls").evaluate("element => element.scrollIntoView({block: 'start'})")
    keep(page, f"explorer_{place}")


@pytest.mark.browser
@pytest.mark.parametrize(("place", "width", "height"), [("desk", 1280, 800), ("phone", 390, 844)])
def test_a_prediction_comes_first_and_the_keyboard_moves_the_numbers(
    page: Page, lab: Lab, place: str, width: int, height: int
) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.set_viewport_size({"width": width, "height": height})
    explorer = opened(page, lab, f"{place}.ipynb")

    # The stills travel in the same output but are not shown where widgets run, and nothing live comes before a commit.
    expect(page.locator(".jp-OutputArea img")).to_have_count(0)
    assert grave_faults(page, context=EXPLORER) == []
    explorer.get_by_role("textbox").fill("8\n50\n64")
    explorer.get_by_role("button", name="Commit").click()
    expect(explorer.locator(".verdict")).to_contain_text("3 predictions from 8 to 64, median 50")

    sentence, slider = explorer.locator(".sentence"), explorer.get_by_role("slider", name="temperature T")
    expect(sentence).to_contain_text("At T = 1 ")
    entropies = []
    for step in ("T = 1.5 ", "T = 2 ", "T = 3 "):
        slider.focus()
        page.keyboard.press("ArrowRight")
        expect(sentence).to_contain_text(step)
        entropies.append(float(re.search(r"entropy ([\d.]+)", sentence.inner_text())[1]))
    assert entropies == sorted(set(entropies)), "the entropy does not rise with the temperature"
    assert slider.get_attribute("aria-valuetext") == "3"
    explorer.get_by_label("picture of").select_option("I")
    expect(sentence).to_contain_text("the teacher gives I ")

    shown = explorer.locator(".pictures img")
    expect(shown).to_have_count(3)
    for picture in shown.all():
        assert picture.evaluate("image => image.naturalWidth") > 300
        assert len(picture.get_attribute("alt") or "") > 40
    assert explorer.evaluate("element => element.scrollWidth <= element.clientWidth"), "it is wider than its place"
    assert grave_faults(page, context=EXPLORER) == []
    if place == "desk":
        photograph(page, explorer, place)
    before = shown.first.get_attribute("src") or ""
    explorer.get_by_role("button", name="Dark").click()
    expect(explorer).to_have_class(re.compile("dark"))
    expect(explorer.get_by_role("button", name="Light")).to_be_visible()
    expect(shown.first).not_to_have_attribute("src", before)
    assert grave_faults(page, context=EXPLORER) == []
    if place == "phone":
        photograph(page, explorer, place)
    assert complaints == []
