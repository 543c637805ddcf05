"""The syllabus as two pages, without the section that tells what learners are to find out."""

import re

# It names, fault by fault, what the sections "Reading critically" ask a learner to find.
FOR_INSTRUCTORS = "Where the articles are wrong"
GLOSSARY = "Glossary"


def syllabus_page(syllabus: str, units: dict[str, str]) -> str:
    """The units and where each topic went, as MyST Markdown; a unit's folder is a link to its page."""
    kept = [text for title, text in sections(syllabus) if title not in (FOR_INSTRUCTORS, GLOSSARY)]
    text = "\n".join(kept)
    for unit in units:
        text = text.replace(f"| `{unit}` |", f"| [{unit}](units/{unit}.ipynb) |")
    intro = (
        "The units, their exercises with the library function behind each, and the way from the five articles that "
        "the course grew out of to the place that treats each of their topics. Functions are named without the "
        "leading `kdtutor.`; a unit by its number."
    )
    return f"# Syllabus\n\n{intro}\n\n{text}\n"


def glossary_page(syllabus: str, units: dict[str, str]) -> str:
    """The glossary in English and Chinese as Sphinx's own, so that the search finds a term by either name.

    ValueError for a row of another shape than term, 中文, sentence, unit.
    """
    (text,) = [text for title, text in sections(syllabus) if title == GLOSSARY]
    by_number = {unit[:2]: f"[unit {unit[:2]}](units/{unit}.ipynb)" for unit in units}
    entries = []
    for row in [line for line in text.splitlines() if line.startswith("|")][2:]:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) != 4:
            raise ValueError(f"the glossary's row is not term, Chinese term, sentence, unit: {row}")
        term, chinese, sentence, number = cells
        entries.append(f"{term}\n{chinese}\n    {sentence} ({by_number.get(number, f'unit {number}')})\n")
    intro = "Sorted by the English term, with the unit that introduces or uses it."
    return f"# Glossary\n\n{intro}\n\n:::{{glossary}}\n" + "\n".join(entries) + ":::\n"


def sections(text: str) -> list[tuple[str, str]]:
    """Title and text of each section of the second level, its heading included."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    return [(part.split("\n", 1)[0].removeprefix("## ").strip(), part.rstrip() + "\n") for part in parts]
