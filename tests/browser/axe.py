"""What axe-core finds on a page: what keeps somebody from reading or using it."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def grave_faults(page: Page, **settings: Any) -> list[str]:
    """What axe-core calls serious or critical, with the places. settings: handed to axe, such as its context."""
    found = Axe().run(page, **settings).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in grave]
