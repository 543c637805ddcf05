"""The course as a static web site: built offline from the executed notebooks, for reading without Jupyter.

What a name needs is imported where it is first used: the command line answers without waiting for Sphinx.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kdtutor.site.build import SiteError, build_site

_MODULE_OF = {"SiteError": "build", "build_site": "build"}

__all__ = ["SiteError", "build_site"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
