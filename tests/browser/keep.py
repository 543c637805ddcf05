"""Pictures that documents show, taken by the tests that look at the same page.

`KEEP_PICTURES=1 .venv/bin/python -m pytest tests/browser` takes those that stand in the repository again; without it a
test run leaves them as they are and puts its own into artifacts/.
"""

import os

from playwright.sync_api import Page

from tests.browser.conftest import ARTIFACTS, ROOT

PICTURES = ROOT / "tests" / "browser" / "pictures"


def keep(page: Page, name: str) -> None:
    """Take a picture of what the window shows, to be found under this name."""
    page.screenshot(path=ARTIFACTS / f"{name}.png")
    stands = PICTURES / f"{name}.png"
    if os.environ.get("KEEP_PICTURES") and stands.exists():
        stands.write_bytes((ARTIFACTS / f"{name}.png").read_bytes())
