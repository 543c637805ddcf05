"""Numbers in prose come from results.json, and a quote that it cannot fill is refused with its line."""

import json

import pytest

from kdtutor.authoring import BuildError, read_unit

CONFIG = """
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "course"
"""


@pytest.fixture
def unit(tmp_path):
    """Writes a unit with the given prose and claims, and returns its source."""

    def write(prose, claims):
        (tmp_path / "nbgrader_config.py").write_text(CONFIG)
        source = tmp_path / "solutions" / "01_quoted" / "01_quoted.py"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(f"# %% [markdown]\n# # Title\n# {prose}\n")
        source.with_name("results.json").write_text(json.dumps(claims))
        return source

    return write


@pytest.mark.parametrize(
    ("quote", "written"),
    [
        ("{{ gain.mean }}", "0.12345"),
        ("{{gain.mean|.2f}}", "0.12"),
        ("{{ gain.mean | percent }}", "12.3%"),
        ("{{ gain.interval.low | .1f }}", "-1.0"),
        ("{{ gain.verdict }}", "cannot tell"),
    ],
)
def test_a_quote_becomes_its_number_in_the_form_asked_for(unit, quote, written):
    claims = {"gain": {"mean": 0.12345, "interval": {"low": -1.0}, "verdict": "cannot tell"}}
    read = read_unit(unit(f"It was {quote} here.", claims))
    assert f"It was {written} here." in read.cells[0].source


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("{{ loss.mean }}", "quotes a claim that results.json does not hold"),
        ("{{ gain.median }}", "quotes a claim that results.json does not hold"),
        ("{{ gain.verdict | .2f }}", "cannot be written so"),
    ],
)
def test_a_quote_that_cannot_be_filled_is_refused_with_its_line(unit, quote, words):
    source = unit(f"It was {quote}.", {"gain": {"mean": 0.1, "verdict": "cannot tell"}})
    with pytest.raises(BuildError, match=words) as refusal:
        read_unit(source)
    assert refusal.value.problems[0].line == 3


def test_while_measuring_quotes_stay_as_written(unit):
    assert "{{ loss.mean }}" in read_unit(unit("{{ loss.mean }}", {}), quote=False).cells[0].source
