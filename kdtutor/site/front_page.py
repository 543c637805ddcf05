"""The front page: what the README says the course is, and its table of units with links."""

import re

UNIT_ROW = re.compile(r"^\| (\d\d)\b")
TABLE_HEAD = re.compile(r"^\| unit \|", re.MULTILINE)


def front_page(readme: str, units: dict[str, str]) -> str:
    """The page as MyST Markdown. readme: the text of README.md; units: {"01_soft_targets": "Soft targets", ...}.

    ValueError where the README has no description below its title, or its table of units leaves out a unit or names
    one that there is not.
    """
    listed = "\n".join(f"{unit[:2]} {title} <units/{unit}>" for unit, title in units.items())
    return (
        f"# kdtutor\n\n{description(readme)}\n\n"
        "## Units\n\n"
        f"{units_table(readme, units)}\n\n"
        "The pages show each unit as a learner is given it, with the results of a complete run. To do the exercises, "
        "get the course's repository and run `make lab`: a check below each exercise says which mistake it was.\n\n"
        f"```{{toctree}}\n:hidden:\n\n{listed}\n```\n\n"
        "```{toctree}\n:hidden:\n\nsyllabus\nglossary\n```\n"
    )


def description(readme: str) -> str:
    """The first paragraph below the README's title."""
    paragraphs = [part.strip() for part in readme.split("\n\n")]
    if len(paragraphs) < 2 or not paragraphs[0].startswith("# ") or not paragraphs[1][:1].isalpha():
        raise ValueError("README.md does not begin with a title and a paragraph that says what the course is")
    return paragraphs[1]


def units_table(readme: str, units: dict[str, str]) -> str:
    """The README's table of units, the name of each unit a link to its page."""
    head = TABLE_HEAD.search(readme)
    if head is None:
        raise ValueError("README.md has no table of units: a row that begins with '| unit |'")
    rows = readme[head.start() :].split("\n\n")[0].splitlines()
    by_number = {unit[:2]: unit for unit in units}
    linked = rows[:2]
    for row in rows[2:]:
        number = UNIT_ROW.match(row)
        if number is None or number[1] not in by_number:
            raise ValueError(f"README.md's table of units names a unit that is not there: {row}")
        _, name, rest = row.split("|", 2)
        linked.append(f"| [{name.strip()}](units/{by_number.pop(number[1])}.ipynb) |{rest}")
    if by_number:
        raise ValueError(f"README.md's table of units leaves out {', '.join(by_number.values())}")
    return "\n".join(linked)
