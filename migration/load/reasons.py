"""Reasons that people give, kept for ever and shown to boards: what they must not hold.

Enters: a text. Leaves: what in it looks like a value of somebody's record, by kind, never the value. It cannot know a
plain name; it finds dates, addresses, numbers that identify, and titled names.
"""

import re

PERSONAL_PATTERNS = {
    "a date": re.compile(r"\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b|\b(19|20)\d{2}-\d{2}-\d{2}\b"),
    "a telephone number": re.compile(r"(?:\+44|\b0)(?:[ -]?\d){9,10}\b"),
    "an e-mail address": re.compile(r"\S+@\S+\.\S+"),
    "a postcode": re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b", re.IGNORECASE),
    "an identifier": re.compile(r"\b(?:\d{4}/\d{4,7}[A-Z]?|[A-Z]?\d{5,}[A-Z]?)\b"),
    "a titled name": re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? [A-Z][a-z]+"),
    "a control character": re.compile(r"[\x00-\x08\x0b-\x1f\x7f]"),
}
WITHHELD = "Reason withheld: it may hold a personal value"


def find_personal(text: str) -> list[str]:
    """Kinds of personal value that a text seems to hold."""
    return [kind for kind, pattern in PERSONAL_PATTERNS.items() if pattern.search(text)]


def keep_reason(text: str | None) -> str | None:
    """The text as a log may keep it: itself, or that it was withheld; None where there is none."""
    if not text:
        return None
    return WITHHELD if find_personal(text) else text
