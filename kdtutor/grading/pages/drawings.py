"""Small drawings for pages: SVG inside the page, coloured by its style."""

from collections import Counter
from collections.abc import Mapping, Sequence

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


def unbeaten(costs: Mapping[str, Sequence[float]]) -> set[str]:
    """The names for which no other is at most as large in every cost and smaller in one."""

    def beaten(mine: Sequence[float]) -> bool:
        return any(
            all(o <= m for o, m in zip(other, mine, strict=True)) and list(other) != list(mine)
            for other in costs.values()
        )

    return {name for name, mine in costs.items() if not beaten(mine)}


def scatter(costs: Mapping[str, Sequence[float]], filled: set[str], axes: tuple[str, str]) -> Markup:
    """A point a name by its first two costs, from 0 or below; those in `filled` are filled. axes: what the two are."""
    width, height = 520, 220
    spans = []
    for place in (0, 1):
        values = [0.0, *(cost[place] for cost in costs.values())]
        spans.append((min(values), max(values) - min(values) or 1.0))
    (left, wide), (bottom, tall) = spans
    drawn: list[Markup] = [
        element("rect", x=40, y=10 + height, width=width, height=1, class_="fill-line"),
        element("rect", x=40, y=10, width=1, height=height, class_="fill-line"),
        element("text", f"{axes[0]}, to {left + wide:,.4g}", x=40 + width / 2, y=height + 30),
        element("text", f"{axes[1]}, to {bottom + tall:,.4g}", x=110, y=6),
    ]
    for name, cost in costs.items():
        x, y = 40 + width * (cost[0] - left) / wide, 10 + height * (1 - (cost[1] - bottom) / tall)
        kind = "fill-accent" if name in filled else "fill-line"
        drawn.append(element("circle", element("title", name), cx=x, cy=y, r=5, class_=kind))
    said = "; ".join(f"{name}: {cost[0]:,.4g}, {cost[1]:,.4g}" for name, cost in costs.items())
    box = f"-8 -8 {width + 100} {height + 50}"
    drawing = element("svg", *drawn, viewBox=box, role="img", aria_label=f"{axes[0]} and {axes[1]}. {said}")
    return element("figure", element("figcaption", "Dark: on the front", class_="label"), drawing, class_="histogram")


def swatch(kind: str) -> Markup:
    """The colour of a kind, for a legend."""
    square = element("rect", width=14, height=14, class_=f"fill-{kind}")
    return element("svg", square, viewBox="0 0 14 14", height=14, aria_hidden="true")
