"""Small drawings for pages: SVG inside the page, coloured by its style."""

from collections import Counter
from collections.abc import Sequence

from kdtutor.grading.pages.page import Markup, element, number

BINS = 10


def histogram(shares: Sequence[float], caption: str) -> Markup | None:
    """How many of the shares (from 0 to 1) lie in which tenth; None where there are none."""
    if not shares:
        return None
    counts = Counter(min(int(share * BINS + 1e-9), BINS - 1) for share in shares)
    highest, width, height = max(counts.values()), 52, 90
    drawn: list[Markup] = []
    for place in range(BINS):
        n, x = counts[place], 10 + place * width
        tall = height * n / highest
        drawn.append(element("rect", x=x + 3, y=18 + height - tall, width=width - 6, height=tall, class_="fill-accent"))
        drawn.append(element("text", number(n) if n else "", x=x + width / 2, y=14 + height - tall))
    drawn.append(element("rect", x=10, y=18 + height, width=BINS * width, height=1, class_="fill-line"))
    drawn += [element("text", f"{10 * i} %", x=10 + i * width, y=34 + height) for i in range(BINS + 1)]
    said = "; ".join(f"{10 * i} to {10 * i + 10} %: {counts[i]}" for i in range(BINS) if counts[i])
    box = f"-8 0 {BINS * width + 36} {height + 40}"
    drawing = element("svg", *drawn, viewBox=box, role="img", aria_label=f"{caption}. {said}")
    label = element("figcaption", caption, class_="label")
    return element("figure", label, drawing, class_="histogram")


def bar(parts: Sequence[tuple[str, float]], said: str | None = None) -> Markup | None:
    """A bar of pieces, each of a kind that the style colours; `said` says it in words, where nothing beside it does."""
    whole = sum(count for _, count in parts)
    if not whole:
        return None
    drawn, x = [], 0.0
    for kind, count in parts:
        span = 300 * count / whole
        drawn.append(element("rect", x=x, y=0, width=span, height=14, class_=f"fill-{kind}"))
        x += span
    words = {"role": "img", "aria_label": said} if said else {"aria_hidden": "true"}
    title = element("title", said) if said else None
    return element("svg", title, *drawn, viewBox="0 0 300 14", preserveAspectRatio="none", height=14, **words)


def swatch(kind: str) -> Markup:
    """The colour of a kind, for a legend."""
    square = element("rect", width=14, height=14, class_=f"fill-{kind}")
    return element("svg", square, viewBox="0 0 14 14", height=14, aria_hidden="true")
