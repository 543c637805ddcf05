"""What the documents and the units point at is there: files, places in them, and addresses that somebody looked at."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.project.prose import COURSE, DOCUMENTS, ROOT, Passage, beside_code, documents, unit_prose

LINK = re.compile(r"(!?)\[([^\]]*)\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
ADDRESS = re.compile(r"\b[a-z]+://[^\s`'\"<>)\]]+[^\s`'\"<>)\].,;:]")
# A path from the root of the project, as prose names it; `<unit>` in it stands for any unit
PATH = re.compile(r"(?<![\w./<>-])(?:kdtutor|tests|solutions|course|binder)/[\w./<>-]*[\w/>]")
DOCUMENT = re.compile(r"\b[A-Z]{4,}\.md\b")
# Files that CONTRIBUTING.md's worked example makes: only the folder is there before
MADE_BY_THE_EXAMPLE = frozenset(
    {
        "kdtutor/checks/units/unit_02_distillation/mean_margin.py",
        "solutions/02_distillation/equivalent_mutants.toml",
    }
)
# Addresses elsewhere. Nothing is fetched here: whoever adds one has opened it.
KNOWN_ADDRESSES: frozenset[str] = frozenset()
SCHEMES_OF_EXAMPLES = {"tcp", "sqlite", "psycopg"}  # of a scheduler or a database of the reader's own


def links_of(passage: Passage) -> list[tuple[bool, str, str]]:
    """(whether it is a picture, its text, where it leads) of every link in Markdown; none in a block of code."""
    text = re.sub(r"```.*?```|`[^`\n]*`|\$[^$\n]+\$", "", passage.text, flags=re.DOTALL)
    return [(bool(mark), words, target) for mark, words, target in LINK.findall(text)]


def slugs_of(markdown: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#{1,6} (.+)$", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def fault_of(target: str, folder: Path, own_text: str) -> str | None:
    """What is wrong with a link from a document in `folder`; None where it leads somewhere."""
    parts = urlsplit(target)
    if parts.scheme:
        return fault_of_address(target)
    path = (folder / unquote(parts.path)).resolve()
    if parts.path and not (path.is_relative_to(ROOT) and path.exists()):
        return f"{target} is not there"
    if parts.fragment:
        text = path.read_text(encoding="utf-8") if parts.path else own_text
        if parts.fragment not in slugs_of(text):
            return f"{target}: no heading makes that anchor"
    return None


def fault_of_address(address: str) -> str | None:
    parts = urlsplit(address)
    if parts.scheme in SCHEMES_OF_EXAMPLES:
        return None
    if parts.scheme != "https" or "." not in (parts.hostname or ""):
        return f"{address} is not a full https address"
    return None if address in KNOWN_ADDRESSES else f"{address} is not among KNOWN_ADDRESSES: open it, then add it"


def missing_paths(passage: Passage) -> list[str]:
    """Paths that a passage names and that are not there, whatever unit `<unit>` means."""
    named = [path for path in PATH.findall(passage.text) if not any((ROOT / one).exists() for one in meanings(path))]
    return [path for path in named if path not in MADE_BY_THE_EXAMPLE]


def meanings(path: str) -> list[str]:
    return [path.replace("<unit>", unit) for unit in COURSE.units]


@pytest.mark.parametrize("passage", documents(), ids=DOCUMENTS)
def test_every_link_and_picture_of_a_document_leads_somewhere(passage: Passage) -> None:
    folder = (ROOT / passage.file).parent
    assert [fault for _, _, target in links_of(passage) if (fault := fault_of(target, folder, passage.text))] == []
    assert [target for picture, words, target in links_of(passage) if picture and len(words) < 20] == []


@pytest.mark.parametrize("unit", COURSE.units)
def test_every_link_of_a_unit_leads_somewhere_for_its_author_and_for_a_learner(unit: str) -> None:
    passages = [passage for passage in unit_prose() if passage.file == COURSE.named(COURSE.source(unit))]
    whole = "\n".join(passage.text for passage in passages)
    faults = [
        fault
        for passage in passages
        for _, _, target in links_of(passage)
        for folder in (COURSE.solutions / unit, COURSE.released / unit)
        if (fault := fault_of(target, folder, whole))
    ]
    assert faults == []


def test_every_path_that_prose_names_is_there() -> None:
    told = [*documents(), *unit_prose(), *(each for each in beside_code() if each.file.startswith("kdtutor/"))]
    assert [f"{each.file}:{each.line}: {path}" for each in told for path in missing_paths(each)] == []


def test_what_the_worked_example_makes_is_named_in_it_and_would_lie_in_a_folder_that_is_there() -> None:
    (guide,) = [each.text for each in documents() if each.file == "CONTRIBUTING.md"]
    assert [path for path in MADE_BY_THE_EXAMPLE if path not in guide or not (ROOT / path).parent.is_dir()] == []


def test_every_document_that_prose_names_is_there() -> None:
    there = {path.name for path in (*ROOT.glob("*.md"), *COURSE.solutions.glob("*.md"))}
    told = [*documents(), *unit_prose(), *(each for each in beside_code() if each.file.startswith("kdtutor/"))]
    named = {(each.file, name) for each in told for name in DOCUMENT.findall(each.text)}
    assert {(file, name) for file, name in named if name not in there} == set()
    assert ("README.md", "CONTRIBUTING.md") in named


def test_every_address_in_prose_is_https_and_known() -> None:
    told = [*documents(), *unit_prose(), *(each for each in beside_code() if each.file.startswith("kdtutor/"))]
    addresses = {address for each in told for address in ADDRESS.findall(each.text)}
    assert [fault for address in sorted(addresses) if (fault := fault_of_address(address))] == []
    assert frozenset() == KNOWN_ADDRESSES - addresses, "known addresses that nothing points at any more"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere.md", "is not there"),
        ("../../../../../etc/hosts", "is not there"),
        ("README.md#no-such-heading", "no heading"),
        ("#no-such-heading", "no heading"),
        ("http://example.org/", "not a full https address"),
        ("https://localhost/", "not a full https address"),
        ("https://example.org/", "not among KNOWN_ADDRESSES"),
    ],
)
def test_a_dead_link_is_said_to_be_one(target: str, words: str) -> None:
    assert words in (fault_of(target, ROOT, "# Here\n") or "")


def test_a_link_that_leads_somewhere_is_none() -> None:
    assert fault_of("README.md", ROOT, "") is None
    assert fault_of("#a-heading-with-code", ROOT, "## A heading, with `code`\n") is None


def test_a_path_in_prose_that_is_not_there_is_found_and_a_unit_s_placeholder_understood() -> None:
    words = "Edit `solutions/<unit>/<unit>.py`, not kdtutor/nothing.py, nor kdtutor/checks."
    assert missing_paths(Passage("README.md", 1, words)) == ["kdtutor/nothing.py"]
