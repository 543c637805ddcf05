"""Reading our pages the way a browser's parser does, and the hostile texts that none of them may act on."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from kdtutor.grading.records.course_key import KEY_BYTES
from kdtutor.grading.records.record import Check, Record, sign

KEY = bytes(range(KEY_BYTES))
UNIT = "01_soft_targets"
ACTING = {"script", "iframe", "object", "embed", "img", "link", "base", "form", "input", "a", "foreignobject"}
VOID = {"meta", "br", "col"}
HOSTILE = {
    "script": "<script>document.title = 'owned'</script>",
    "handler": '"><img src=x onerror="document.title=\'owned\'">',
    "style": "</style><style>* { display: none }</style>",
    "comment": "<!-- --!> <![CDATA[ ]]> <?php ?> </title></textarea></main>",
    "link": "<a href='javascript:alert(1)'>here</a><iframe srcdoc='<script>1</script>'>",
    "entities": "&lt;script&gt; &#60;script&#62; &amp;amp; &nbsp",
    "control": "\x1b[31mred\x1b[0m \x00\x07\x08\x0b\x0c\x7f\x85\x9b2J \r over",
    "direction": "\u202eright to left\u202c \u2066isolate\u2069 \u200f\u200e\ufeff\u00ad",
    "long": "x" * 4000,
    "words": "שלום עולם · 你好 · e\u0301 · 👩\u200d🔬 · z\u0335\u0335\u0335",
    "markup": "[bold red]not rich's[/] {braces} %s {0} \\u003c `code` $x$ **bold**",
    "separators": "one\u2028two\u2029three\ntabs\tand\nlines",
}
# Nothing of this kind may stand in a page as it is
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass
class Read:
    """A page as parsed: its elements with attributes, its texts in order, and the path of tags to each text."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    @property
    def text(self) -> str:
        return "".join(text for text, path in self.texts if path and path[-1] != "style")

    def of(self, *tags: str) -> list[str]:
        """The whole text of each element of these tags."""
        found: list[str] = []
        for text, path in self.texts:
            if any(tag in path for tag in tags):
                found.append(text)
        return found

    def with_class(self, name: str) -> list[dict[str, str | None]]:
        return [given for _, given in self.elements if name in (given.get("class") or "").split()]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.read = Read()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute stands twice in <{tag}>"
        self.read.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.read.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.read.open, f"</{tag}> closes nothing"
        assert self.read.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.read.texts.append((data, tuple(self.read.open)))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")


def read(page: str) -> Read:
    """The page, parsed. AssertionError where it is not well formed."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.read.open == [], f"left open: {parser.read.open}"
    return parser.read


def assert_inert(page: str) -> Read:
    """That nothing in the page can run, load or send anything, or steer what shows it."""
    found = read(page)
    assert not ACTING & set(found.tags)
    for tag, given in found.elements:
        loads = [name for name in given if name in ("src", "href", "srcset", "srcdoc", "style", "action", "data")]
        assert not loads, f"<{tag} {loads}>"
        assert not [name for name in given if name.startswith("on")], f"<{tag}> has an event handler"
    assert found.tags.count("style") == 1
    metas = {given.get("http-equiv"): given.get("content") for tag, given in found.elements if tag == "meta"}
    policy = metas["Content-Security-Policy"] or ""
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert not UNSEEN.search(page), "a character that is not seen, or steers"
    return found


def record(learner: str = "ada", checks: list[Check] | None = None, **changes: object) -> Record:
    """A signed record: two checks passed, one of each other kind, unless others are given."""
    checks = EACH_KIND if checks is None else checks
    open_ones = any(check.verdict == "not-graded" for check in checks)
    settings: dict[str, object] = {
        "learner": learner,
        "unit": UNIT,
        "status": "needs-review" if open_ones else "graded",
        "checks": checks,
        "repairs": (),
        "sandbox": "bubblewrap",
        "seed": "0123456789abcdef",
        "versions": {"kdtutor": "0.1.0", "torch": "2.14.1"},
        "submission_sha256": "a" * 64,
        "assignment_sha256": "b" * 64,
    }
    return sign(Record(**{**settings, **changes}), KEY)  # type: ignore[arg-type]


EACH_KIND = [
    Check("soften", 2, "passed", seconds=0.02),
    Check("entropy", 2, "failed", "mean over classes", "You average over the classes: what does the sum say?", 0.1),
    Check("kl_divergence", 2, "failed", None, "Off by up to 0.5 for p of shape (2, 3).", 0.1),
    Check("kd_loss", 3, "error", None, "kd_loss raised TypeError: no", 0.1),
    Check("kd_gradient", 2, "timeout", None, "It was still running after 10 s of CPU time.", 10.2),
    Check("which_divergence", 1, "not-attempted", None, "which_divergence is still empty."),
]
