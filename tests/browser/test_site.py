"""The course's web site in a real browser, opened from a folder: search, mathematics, a phone, a reader's needs."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from kdtutor.authoring import Course
from kdtutor.site import build_site
from tests.browser.axe import grave_faults
from tests.browser.conftest import ARTIFACTS, ROOT

SIZES = {"desk": (1280, 800), "phone": (390, 844)}
WITH_MATHEMATICS = ("units/01_soft_targets.html", "units/07_quantisation.html")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(Course.of(ROOT), tmp_path_factory.mktemp("made") / "site").parent


def open_page(page: Page, site: Path, name: str) -> list[str]:
    """Open a page of the site; returns the list that names each address it asks for and each console error."""
    noted: list[str] = []
    page.on("request", lambda request: None if request.url.startswith("file:") else noted.append(request.url))
    page.on("console", lambda message: noted.append(message.text) if message.type == "error" else None)
    page.goto((site / name).as_uri())
    return noted


@pytest.mark.browser
@pytest.mark.parametrize("name", WITH_MATHEMATICS)
def test_a_unit_s_page_shows_mathematics_and_fits_a_desk_and_a_phone(page: Page, site: Path, name: str) -> None:
    noted = open_page(page, site, name)
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        formula = page.locator("mjx-container[display=true]").first
        expect(formula).to_be_visible(timeout=20_000)
        assert page.locator("mjx-merror").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == width
        formula.scroll_into_view_if_needed()
        page.screenshot(path=ARTIFACTS / f"site_{Path(name).stem}_{size}.png")
    pictures = page.locator("article img").evaluate_all("all => all.map(one => [one.naturalWidth, one.alt])")
    assert len(pictures) >= 4
    assert all(width > 200 and len(alt) > 20 for width, alt in pictures)
    assert noted == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "scheme"),
    [("index.html", "dark"), (WITH_MATHEMATICS[0], "light"), ("units/00_start_here.html", "dark")],
)
def test_axe_finds_no_serious_fault(page: Page, site: Path, name: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_page(page, site, name)
    assert grave_faults(page, options={"preload": False}) == []  # under file:// a page may not fetch its styles


@pytest.mark.browser
def test_the_search_finds_pages_from_a_folder_without_a_server(page: Page, site: Path) -> None:
    noted = open_page(page, site, "index.html")
    page.get_by_placeholder("Search").first.fill("straight-through")
    page.keyboard.press("Enter")
    results = page.locator("#search-results li a")
    expect(results.filter(has_text="Training for few bits").first).to_be_visible(timeout=20_000)
    page.screenshot(path=ARTIFACTS / "site_search.png")
    results.filter(has_text="Training for few bits").first.click()
    expect(page.locator("h1").first).to_contain_text("Training for few bits")
    page.goto((site / "search.html").as_uri() + "?q=蒸馏")
    expect(results.filter(has_text="Glossary").first).to_be_visible(timeout=20_000)
    assert noted == []
