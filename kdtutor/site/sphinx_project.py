"""Sphinx as this site wants it: nothing executed, nothing fetched, every warning a fault."""

import io
import re
import warnings
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.console import strip_colors
from sphinx.util.docutils import docutils_namespace, patch_docutils

CHINESE = re.compile(r"[\u4e00-\u9fff]")
STATIC = Path(__file__).parent / "static"
FONTS = (
    "-apple-system, BlinkMacSystemFont, 'Segoe UI', Helvetica, Arial, 'PingFang SC', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', 'WenQuanYi Zen Hei', sans-serif"
)
SETTINGS: dict[str, Any] = {
    "project": "kdtutor",
    "language": "en",
    "extensions": ["myst_nb", "sphinx.ext.mathjax", "sphinx-mathjax-offline"],
    "nb_execution_mode": "off",
    "nb_ipywidgets_js": {},  # its default is a server's address
    "nb_merge_streams": True,
    "myst_enable_extensions": ["dollarmath", "amsmath", "colon_fence"],
    "myst_heading_anchors": 3,
    "mathjax_path": "mathjax/tex-chtml.js",
    "mathjax3_config": {"options": {"enableMenu": False}},
    "html_theme": "furo",
    "html_title": "kdtutor",
    "html_static_path": [str(STATIC)],
    "html_css_files": ["course.css"],
    "html_js_files": [("scrollable.js", {"defer": "defer"})],
    "html_copy_source": False,
    "html_use_index": False,
    "html_show_sourcelink": False,
    "html_show_copyright": False,
    "html_show_search_summary": False,  # the page would be fetched, which a browser refuses under file://
    "html_theme_options": {
        "top_of_page_buttons": [],
        "light_css_variables": {"font-stack": FONTS},
    },
    "html_sidebars": {
        "**": [
            "sidebar/brand.html",
            "sidebar/search.html",
            "sidebar/scroll-start.html",
            "sidebar/navigation.html",
            "sidebar/scroll-end.html",
        ]
    },
}


def make_pages(source: Path, site: Path, scratch: Path, alternative_texts: dict[str, str]) -> list[str]:
    """Run Sphinx from the folder `source` to the folder `site`; returns what it warned of, a line each.

    alternative_texts: of each picture, by the SHA-256 of its bytes. scratch: a folder for what Sphinx keeps.
    """
    said = io.StringIO()

    def complete(_: Sphinx, document: nodes.document) -> None:
        for image in document.findall(nodes.image):
            image["alt"] = alternative_texts.get(Path(image["uri"]).stem, image.get("alt", ""))
        for term in document.findall(nodes.term):
            if CHINESE.search(term.astext()):
                term["classes"].append("language-zh-hans")  # docutils makes it the attribute lang

    with warnings.catch_warnings(), patch_docutils(), docutils_namespace():
        for kind in (DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", kind)  # which of Sphinx's names MyST-NB still uses is not an author's fault
        app = Sphinx(
            source,
            confdir=None,
            outdir=site,
            doctreedir=scratch,
            buildername="html",
            confoverrides=SETTINGS,
            status=None,
            warning=said,
            freshenv=True,
        )
        app.connect("doctree-read", complete, priority=0)
        app.build(force_all=True)
    return [line for line in strip_colors(said.getvalue()).splitlines() if line.strip()]
