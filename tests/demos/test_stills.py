"""The strip of stills: one row a setting, and what an exported page shows in the place of widgets."""

import io

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from kdtutor.demos.stills import setting_in_words, strip
from tests.demos.toy import squares

SOURCE = "from kdtutor.demos.shell import show\nfrom tests.demos.toy import squares\nshow(squares())"


def test_a_row_a_setting_with_its_words_above() -> None:
    picture, words = strip(squares())
    image = Image.open(io.BytesIO(picture))
    assert image.width == 900  # a caption's least width
    assert image.height == 2 * (100 + 64)
    assert words.splitlines() == [
        "Squares. What squaring does.",
        "number 2, sign +1: The result is 4. A line from 0 to 4.",
        "number 3, sign +1: The result is 9. A line from 0 to 9.",
    ]
    assert setting_in_words(squares(), {"sign": -1}) == "number 2, sign -1"


def test_light_and_dark_strips_differ_in_their_ground() -> None:
    corners = [Image.open(io.BytesIO(strip(squares(), theme)[0])).getpixel((0, 0)) for theme in ("light", "dark")]
    assert corners == [(255, 255, 255), (20, 23, 26)]


@pytest.fixture(scope="module")
def executed(pytestconfig: pytest.Config) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SOURCE)])
    resources = {"metadata": {"path": str(pytestconfig.rootpath)}}
    return NotebookClient(notebook, resources=resources, store_widget_state=False).execute()


def test_an_exported_page_shows_the_strip_in_the_widget_s_place(executed: nbformat.NotebookNode) -> None:
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(executed)
    assert page.count('src="data:image/png;base64,') == 1
    assert "vnd.jupyter.widget-view" not in page


def test_an_exporter_that_knows_alternative_texts_finds_the_strip_s(executed: nbformat.NotebookNode) -> None:
    """nbconvert's template `lab`, its default, leaves them out; `classic` does not."""
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(executed)
    assert page.count('src="data:image/png;base64,') == 1
    assert "number 3, sign +1: The result is 9." in page


def test_a_place_that_shows_neither_widgets_nor_pictures_has_the_words(executed: nbformat.NotebookNode) -> None:
    data = executed.cells[0].outputs[0].data
    assert "The result is 4." in data["text/plain"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
