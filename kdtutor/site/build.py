"""Building the site: pages beside each other in a temporary folder, Sphinx over them, the result put in place."""

import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.build import replace_folder, require_ours
from kdtutor.authoring.layout import Course
from kdtutor.site.front_page import front_page
from kdtutor.site.hidden_text import hidden_in_pages
from kdtutor.site.sphinx_project import make_pages
from kdtutor.site.syllabus_pages import glossary_page, syllabus_page
from kdtutor.site.unit_page import descriptions, unit_page

MARK = "searchindex.js"  # a folder that holds it is a site


class SiteError(RuntimeError):
    """The site could not be made as it has to be; the message says what stands in the way."""


def build_site(course: Course, folder: Path) -> Path:
    """Make the site of the course in `folder` and return its front page.

    A site that is there already is replaced, at the end and whole. SiteError where Sphinx warns of anything or a page
    would show what learners must not see; FileExistsError where `folder` holds something else than a site.
    """
    folder = Path(folder).resolve()
    require_ours(folder, MARK, "a site")
    with tempfile.TemporaryDirectory() as temporary:
        source, made, scratch = (Path(temporary) / name for name in ("source", "site", "scratch"))
        texts = write_source(course, source)
        faults = make_pages(source, made, scratch, texts) or hidden_in_pages(course, made)
        if faults:
            raise SiteError("the site was not made:\n" + "\n".join(faults))
        folder.parent.mkdir(parents=True, exist_ok=True)
        replace_folder(made, folder)
    return folder / "index.html"


def write_source(course: Course, folder: Path) -> dict[str, str]:
    """Write what Sphinx reads; returns the alternative texts of all pictures by the SHA-256 of their bytes."""
    (folder / "units").mkdir(parents=True)
    titles: dict[str, str] = {}
    texts: dict[str, str] = {}
    for unit in course.units:
        page = unit_page(course, unit)
        nbformat.write(page, folder / "units" / f"{unit}.ipynb")
        titles[unit] = title_of(page)
        texts |= descriptions(page)
    readme = (course.root / "README.md").read_text(encoding="utf-8")
    syllabus = (course.solutions / "SYLLABUS.md").read_text(encoding="utf-8")
    pages = {
        "index": front_page(readme, titles),
        "syllabus": syllabus_page(syllabus, titles),
        "glossary": glossary_page(syllabus, titles),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return texts


def title_of(page: NotebookNode) -> str:
    return page.cells[0].source.split("\n", 1)[0].removeprefix("# ").strip()
