"""Text of unknown origin, for a page or a terminal: it says what it says and does nothing."""

import unicodedata

SHOWN_AS_THEY_ARE = "\n\t"
# Marks without a width, without which words of some languages and emoji fall apart; they reach no further than a word
JOINERS = "\u200b\u200c\u200d"


def inert(text: str) -> str:
    """The text with every control character made visible by its number: "[U+001B]".

    Escape sequences no longer steer a terminal, marks that turn the direction of writing no longer reorder what stands
    around them, characters that no font draws no longer hide anything. Lines end in a newline alone.
    """
    return "".join(map(_visible, text.replace("\r\n", "\n")))


def _visible(character: str) -> str:
    if character.isprintable() or character in SHOWN_AS_THEY_ARE or character in JOINERS:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return f"[U+{ord(character):04X}]"
