"""The site of the real course: every link leads somewhere, nothing is fetched, nothing hidden is shown or indexed."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from kdtutor.authoring import Course
from kdtutor.authoring.regions import find_regions, hidden_lines, visible_lines
from kdtutor.authoring.rules import read_unit
from kdtutor.site import SiteError, build_site
from kdtutor.site.hidden_text import squeeze, text_of
from kdtutor.site.sphinx_project import make_pages
from tests.site.pages_read import PageRead, read_page

WORD = re.compile(r"[a-z_][a-z0-9_]{3,}")


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, PageRead]:
    return {path: read_page(path) for path in sorted(site.rglob("*.html"))}


def test_every_unit_has_a_page_that_the_front_page_links(site: Path, pages, course: Course) -> None:
    for unit in course.units:
        assert site / "units" / f"{unit}.html" in pages
        assert f"units/{unit}.html" in pages[site / "index.html"].links


def test_every_internal_link_leads_to_a_page_and_to_a_place_in_it(site: Path, pages) -> None:
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "https", link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target not in pages or (parts.fragment and unquote(parts.fragment) not in pages[target].anchors):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []


def test_everything_that_a_page_loads_lies_in_the_site(site: Path, pages) -> None:
    missing = []
    for path, page in pages.items():
        for address in page.loaded:
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, address
            assert not parts.netloc, address
            target = (path.parent / unquote(parts.path)).resolve()
            if not target.is_relative_to(site.resolve()) or not target.is_file():
                missing.append(f"{path.relative_to(site)}: {address}")
    assert missing == []


def test_no_style_sheet_loads_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.css"):
        addresses = re.findall(r"""(?:url\(|@import)\s*["']?([^"')]+)""", path.read_text(encoding="utf-8"))
        assert [each for each in addresses if re.match(r"(https?:)?//", each.strip())] == [], path.name


def test_every_figure_of_the_solved_notebooks_is_shown_with_its_description(site: Path, pages, course: Course) -> None:
    for unit in course.units:
        notebook = nbformat.read(course.solved_notebook(unit), as_version=4)
        wanted = [
            " ".join(output.metadata["image/png"]["alt"].split())
            for cell in notebook.cells
            for output in cell.get("outputs", [])
            if "image/png" in output.get("data", {})
        ]
        shown = [" ".join(picture["alt"].split()) for picture in pages[site / "units" / f"{unit}.html"].pictures]
        assert [text for text in wanted if text not in shown] == [], unit


def test_what_experiments_printed_is_on_the_page(site: Path, course: Course) -> None:
    for unit in course.units:
        text = squeeze(text_of(site / "units" / f"{unit}.html"))
        notebook = nbformat.read(course.solved_notebook(unit), as_version=4)
        printed = [
            output.text
            for cell in notebook.cells
            for output in cell.get("outputs", [])
            if "experiment" in cell.metadata.get("tags", []) and output.output_type == "stream"
        ]
        assert [each for each in printed if squeeze(each) not in text] == [], unit


def hidden_and_shown(course: Course) -> tuple[list[str], str]:
    """Every hidden line of the sources, asides to instructors among them, and all that learners are shown."""
    hidden, shown = [], []
    for name in course.units:
        unit = read_unit(course.source(name))
        for cell in unit.cells:
            regions, _ = find_regions(cell.source, cell.kind)
            hidden += [line for _, line in hidden_lines(cell.source, regions)]
            shown += [line for _, line in visible_lines(cell.source, regions)]
        hidden += [line for aside in unit.asides for line in aside.source.splitlines()]
    return hidden, "\n".join(shown)


def test_no_page_shows_a_line_of_a_solution_a_hidden_test_or_an_aside(site: Path, course: Course) -> None:
    hidden, shown = hidden_and_shown(course)
    seen = squeeze(shown)
    telling = {squeeze(line) for line in hidden if len(squeeze(line)) >= 12 and squeeze(line) not in seen}
    assert len(telling) > 500
    for path in site.rglob("*.html"):
        text = squeeze(text_of(path))
        assert [line for line in telling if line in text] == [], path.name


def test_the_search_index_knows_no_word_that_only_hidden_text_has(site: Path, course: Course) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    entries = json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)\s*", index, re.DOTALL)[1])
    hidden, _ = hidden_and_shown(course)
    on_pages = set(WORD.findall("\n".join(text_of(path) for path in site.rglob("*.html")).lower()))
    stems = {word[:length] for word in on_pages for length in range(4, len(word) + 1)}
    secret = {word for word in WORD.findall("\n".join(hidden).lower()) if word not in stems}
    assert len(secret) > 50
    known = entries["terms"].keys() | entries["titleterms"].keys() | {title.lower() for title in entries["alltitles"]}
    assert known & secret == set()
    assert "softmax" in known


def test_nothing_lies_in_the_site_that_is_not_a_page_or_used_by_one(site: Path) -> None:
    left = [path for path in site.rglob("*") if path.suffix in {".ipynb", ".md", ".py", ".doctree", ".pickle"}]
    assert left == []


def test_a_warning_of_sphinx_is_a_fault(tmp_path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text("# Title\n\n[away](nowhere.md)\n", encoding="utf-8")
    warnings = make_pages(source, tmp_path / "site", tmp_path / "scratch", {})
    assert len(warnings) == 1
    assert "nowhere.md" in warnings[0]


def test_a_site_that_would_show_a_solution_is_not_put_in_place(tmp_path, course: Course) -> None:
    root = tmp_path / "course"
    unit = "00_start_here"
    for name in ("nbgrader_config.py", f"solutions/{unit}", f"course/{unit}"):
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (course.root / name).is_dir() else shutil.copy)(course.root / name, target)
    shutil.copy(course.solutions / "SYLLABUS.md", root / "solutions")
    text = (course.root / "README.md").read_text(encoding="utf-8")
    (root / "README.md").write_text(re.sub(r"^\| (?!00)\d\d .*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    here = Course.of(root)
    folder = tmp_path / "site"
    front_page = build_site(here, folder)
    before = front_page.read_bytes()
    solved = nbformat.read(here.solved_notebook(unit), as_version=4)
    hidden = next(
        line
        for cell in solved.cells
        for _, line in hidden_lines(cell.source, find_regions(cell.source, cell.cell_type)[0])
        if len(squeeze(line)) > 20
    )
    learner = nbformat.read(here.learner_notebook(unit), as_version=4)
    code = next(cell for cell in solved.cells if cell.cell_type == "code" and cell.id in {c.id for c in learner.cells})
    code.outputs = [nbformat.v4.new_output("stream", text=f"{hidden}\n")]
    nbformat.write(solved, here.solved_notebook(unit))
    with pytest.raises(SiteError, match="shows a hidden line"):
        build_site(here, folder)
    assert front_page.read_bytes() == before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, course: Course) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="something else than a site"):
        build_site(course, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
