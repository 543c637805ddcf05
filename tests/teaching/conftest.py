"""A page in a real browser, as the browser tests have it."""

from tests.browser.conftest import page

__all__ = ["page"]
