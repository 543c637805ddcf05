"""Pages that come out of grading: one file each, nothing loaded from anywhere, no script, every text escaped.

A page is put together from elements; a text that goes into one is escaped there, so that no page can forget it.
"""

import base64
import hashlib
import html
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kdtutor.grading.pages.inert_text import inert
from kdtutor.grading.pages.page_style import STYLE

VOID = ("meta", "br", "col", "img", "link")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9:-]*")


class Markup(str):
    """Markup that `element` made. Any other text is escaped where it is put into an element."""

    __slots__ = ()


Content = str | Iterable["Content"] | None


def element(tag: str, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """<tag attributes>content</tag>. Underscores in attributes' names stand for hyphens, one at the end for nothing.

    An attribute that is None or False is left out, one that is True has no value. `style` and event handlers are
    refused: the page's policy would not follow them.
    """
    if not _TAG.fullmatch(tag):
        raise ValueError(f"tag is {tag!r}: letters and digits are needed")
    written = [tag]
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if not _ATTRIBUTE.fullmatch(name) or name.lower().startswith("on") or name.lower() == "style":
            raise ValueError(f"attribute is {name!r}: neither style nor an event handler can stand in a page")
        if value is True:
            written.append(name)
        elif value is not None and value is not False:
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            written.append(f'{name}="{html.escape(inert(text))}"')
    opening = f"<{' '.join(written)}>"
    return Markup(opening if tag in VOID else f"{opening}{markup(content)}</{tag}>")


def markup(content: Content) -> Markup:
    """Content as markup: text escaped, elements as they are, None left out."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(html.escape(inert(content)))
    return Markup("".join(markup(each) for each in content))


def someone(text: str, tag: str = "bdi", **attributes: str | float | bool | None) -> Markup:
    """A text of a person's in an element of its own, where its direction of writing ends with it."""
    return element(tag, text, dir="auto", **attributes)


def page(title: str, *content: Content) -> str:
    """A whole HTML document. Its policy forbids scripts, all that lies elsewhere and all styles but the page's own."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    body = element("body", element("main", *content))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def write_page(text: str, path: Path) -> None:
    """Put a page in its place, whole or not at all; its folder is made. OSError where that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".page.")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o644)  # as nbgrader leaves its feedback: it is there to be handed out
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def number(value: float, digits: int = 2) -> str:
    """A number as a person writes it: no more digits than needed, a true minus sign."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    return "0" if text in ("-0", "") else text.replace("-", "−")


def many(count: int, thing: str, things: str | None = None) -> str:
    """ "1 check", "3 checks"."""
    return f"{count} {thing if count == 1 else things or thing + 's'}"
