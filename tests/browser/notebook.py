"""A notebook in JupyterLab, handled as a person does: find a cell, write into it, run it."""

from playwright.sync_api import Locator, Page, expect


def wait_for_kernel(page: Page) -> None:
    """Until the kernel answers: the notebook's own indicator says idle before there is one, and a run is then lost."""
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=90_000)


def cell_with(page: Page, text: str) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell").filter(has_text=text).first


def write(page: Page, cell: Locator, source: str) -> None:
    """Replace a cell's text the way a person does: click into it, select all, type."""
    cell.scroll_into_view_if_needed()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(source)


def run(page: Page, cell: Locator) -> None:
    cell.scroll_into_view_if_needed()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
