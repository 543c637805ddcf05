"""Prose without misspellings, and in British spelling; names in code are spelt as the field spells them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import pytest

from tests.project.prose import ROOT, Passage, beside_code, documents, unit_prose, without_code

READ = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml", "nbgrader_config.py", "binder",
        "kdtutor", "solutions", "tests")  # fmt: skip
# American for some meaning of a word that British English has as well
BRITISH_TOO = {"artifact", "artifacts", "practice", "practices", "program", "programs", "story", "stories"}
IZE = re.compile(
    r"(?!(?:re|over|under|down|out)?size|(?:re)?sizing|prize|seize|seizing)"
    r"[a-z]+(?:ize[sdr]?|izers|izing|izations?|izable|yze[sdr]?|yzing)"
)
CODE_LIKE = re.compile(r"\w*_\w+|\b[A-Za-z]*[a-z][A-Z]\w*|\w+(?:\.\w+)+|\w+\(")
TITLE = re.compile(r"\*[^*]+\*|\"[^\"]+\"|“[^”]+”", re.DOTALL)  # of a paper or a book: spelt as its authors did


@cache
def american_words() -> dict[str, str]:
    """American -> British, from codespell's own list."""
    table = (files("codespell_lib") / "data" / "dictionary_en-GB_to_en-US.txt").read_text(encoding="utf-8")
    pairs = (line.split("->") for line in table.splitlines())
    found = {american.strip(): british for british, americans in pairs for american in americans.split(",")}
    return {american: british for american, british in found.items() if american and american not in BRITISH_TOO}


def american_in(passage: Passage) -> Iterator[str]:
    """Words of a passage in American spelling, a sentence each; code, titles and names used around it aside."""
    text = without_code(passage.text).replace("**", "")
    text = TITLE.sub(lambda title: "\n" * title[0].count("\n"), text)
    text = CODE_LIKE.sub("", text)
    for number, line in enumerate(text.splitlines(), passage.line):
        for word in re.findall(r"[A-Za-z]+", line):
            lower = word.lower()
            if word in passage.names or word.isupper():
                continue
            if lower in american_words():
                yield f"{passage.file}:{number}: {word} is {american_words()[lower]} here"
            elif IZE.fullmatch(lower):
                yield f"{passage.file}:{number}: {word} is spelt with s here"


def test_codespell_finds_no_misspelling() -> None:
    there = [name for name in READ if (ROOT / name).exists()]
    command = [sys.executable, "-m", "codespell_lib", "--toml", "pyproject.toml", *there]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (outcome.stdout, outcome.returncode) == ("", 0), outcome.stdout


def test_codespell_reads_what_it_is_given(tmp_path) -> None:
    (tmp_path / "page.md").write_text("The wrong wieght.\n", encoding="utf-8")  # codespell:ignore
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml"), str(tmp_path)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode != 0
    assert "==> weight" in outcome.stdout


@pytest.mark.parametrize("passages", [documents, unit_prose, beside_code])
def test_prose_is_in_british_spelling(passages) -> None:
    assert [fault for passage in passages() for fault in american_in(passage)] == []


@pytest.mark.parametrize(
    "word", ["quantization", "normalize", "normalized", "color", "behavior", "analyze", "Optimizer"]
)
def test_an_american_spelling_is_found(word: str) -> None:
    (fault,) = american_in(Passage("README.md", 3, f"Something\nabout {word} here."))
    assert fault.startswith(f"README.md:4: {word} is ")


@pytest.mark.parametrize(
    "text",
    [
        "the function `normalize` and `torch.optim.Optimizer`",
        "Wu et al., *Integer Quantization for Deep Learning*, 2020",
        'Polino et al., "Compression via Distillation and\nQuantization", 2018',
        "$\\mathrm{normalize}(x)$ and\n\n    optimizer.step()",
        "the size of a resized prize, a program in practice, an artifact",
        "quantisation, optimiser, colour",
    ],
)
def test_code_titles_and_words_of_both_spellings_are_none(text: str) -> None:
    assert list(american_in(Passage("README.md", 1, text))) == []


def test_a_name_of_the_code_around_it_may_stand_in_a_docstring() -> None:
    assert list(american_in(Passage("x.py", 1, "steps the optimizer", frozenset({"optimizer"})))) == []
    assert list(american_in(Passage("x.py", 1, "steps the optimizer"))) != []
