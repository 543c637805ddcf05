"""Names that become files: of learners and of units."""

import re
import unicodedata

LONGEST = 200  # bytes; a file's name has 255, and some go to what stands around the name
_SEPARATORS = re.compile(r'[/\\:*?"<>|]')


def why_no_name(text: object) -> str | None:
    """Why this cannot name a file in a folder, in words that continue "is ..."; None where it can."""
    if not isinstance(text, str):
        return f"a {type(text).__name__}: text is needed"
    if not text.strip():
        return "empty"
    if text != as_name(text):
        return "no plain name (separators, control characters, a dot or blank at an end, or too long)"
    return None


def as_name(text: str) -> str:
    """The nearest name that can be a file's in any folder; "unnamed" where nothing is left."""
    whole = unicodedata.normalize("NFC", readable(text))
    plain = "".join(c if c.isprintable() and not _SEPARATORS.match(c) else "_" for c in whole)
    cut = plain.strip(" .").encode()[:LONGEST].decode("utf-8", "ignore")
    return cut.strip(" .") or "unnamed"


def readable(text: str) -> str:
    """The text with halves of surrogate pairs, which no encoding can write, replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
