"""An HTML page taken apart: where it leads, what can be led to, what it loads."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

LOADED_BY = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


@dataclass
class PageRead:
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    loaded: list[str] = field(default_factory=list)
    pictures: list[dict[str, str]] = field(default_factory=list)


def read_page(path: Path) -> PageRead:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = PageRead()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if "id" in has:
            self.page.anchors.add(has["id"])
        if tag == "a" and "href" in has:
            self.page.links.append(has["href"])
        if tag in LOADED_BY and LOADED_BY[tag] in has and has.get("rel") not in ("prev", "next", "search", "index"):
            self.page.loaded.append(has[LOADED_BY[tag]])
        if tag == "img":
            self.page.pictures.append(has)
