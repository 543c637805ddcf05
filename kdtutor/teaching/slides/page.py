"""The slides as one HTML file that holds everything it needs: reveal.js, MathJax, pictures."""

from pathlib import Path

from nbconvert.exporters import SlidesExporter
from traitlets.config import Config

from kdtutor.authoring.layout import Course
from kdtutor.grading.pages.page import write_page
from kdtutor.teaching.mathjax import SETTINGS, mathjax, static_folder
from kdtutor.teaching.slides.deck import OUTPUT_ONLY, deck

HERE = Path(__file__).parent
SIZE = (1280, 720)  # pixels of a slide, scaled to the window


def write_slides(course: Course, unit: str, out: Path | None = None, *, solutions: bool = False) -> Path:
    """Write the slides of a unit and return the file: `out`, or build/slides/<unit>.html in the course.

    FileNotFoundError where the unit is not built; RuntimeError where a package that holds reveal.js or MathJax is not
    installed.
    """
    path = out or course.root / "build" / "slides" / f"{unit}{'_solutions' if solutions else ''}.html"
    write_page(slides_page(course, unit, solutions=solutions), path)
    return path


def slides_page(course: Course, unit: str, *, solutions: bool = False) -> str:
    """The whole HTML document."""
    reveal = static_folder("sphinx_revealjs") / "_static" / "revealjs" / "dist"
    exporter = SlidesExporter(
        config=Config(
            TagRemovePreprocessor={"enabled": True, "remove_input_tags": {OUTPUT_ONLY}},
            SlidesExporter={"exclude_input_prompt": True, "exclude_output_prompt": True, "embed_images": True},
        ),
        extra_template_basedirs=[str(HERE / "templates")],
        template_name="deck",
    )
    resources = {
        "deck": {
            "reveal_css": (reveal / "reset.css").read_text("utf-8") + (reveal / "reveal.css").read_text("utf-8"),
            "reveal_js": inline((reveal / "reveal.js").read_text("utf-8")),
            "mathjax_settings": SETTINGS,
            "mathjax_js": inline(mathjax()),
            "width": SIZE[0],
            "height": SIZE[1],
        }
    }
    text, _ = exporter.from_notebook_node(deck(course, unit, solutions=solutions), resources)
    return text


def inline(program: str) -> str:
    """A program as it may stand between script tags."""
    return program.replace("</script", "<\\/script").replace("//# sourceMappingURL", "// source map of")
