"""MathJax from an installed package, so that pages show formulas without a network."""

from importlib.util import find_spec
from pathlib import Path

SETTINGS = (
    'window.MathJax = {tex: {inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]], processEscapes: true}, '
    'options: {enableMenu: false, ignoreHtmlClass: "highlight|no-math"}};'
)


def mathjax() -> str:
    """The program that turns TeX into pictures of formulas, whole, in one text. RuntimeError where it is missing."""
    return (static_folder("sphinx-mathjax-offline") / "static" / "mathjax" / "tex-svg-full.js").read_text("utf-8")


def static_folder(package: str) -> Path:
    """The folder of an installed package. RuntimeError that names the package where it is not installed."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the package {package.replace('_', '-')} is not installed: `make setup` installs it")
    return Path(spec.origin).parent
