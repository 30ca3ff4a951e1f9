"""Text of a location as tokens: upper case, without accents, abbreviations in one form, commas kept as breaks.

Enters: text as recorded. Leaves: a tuple of tokens; `BREAK` stands where a comma, line break or bracket was, `SLASH`
where a slash joined words. Must hold: tokenising the tokens again gives the same tokens. Numbers are never changed.
Refuses nothing: any text has tokens, perhaps none.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import chain

from migration.geocode.vocabulary import vocabulary

BREAK = ","
SLASH = "/"
_DOUBLE_BREAK = f"{BREAK} {BREAK}"
_TOKEN = re.compile(r"[0-9A-Z]+(?:[/.\-][0-9A-Z]+)*|[,;:()\[\]\n|/]|[&@+]")
_APOSTROPHES = str.maketrans(
    {"'": None, "’": None, "‘": None, "`": None, "´": None, "\r": "\n", "\t": " ", "_": " ", "#": " "}
)
_CODE = re.compile(
    r"(?:\d+[A-Z]?|[GBPTMLR]|[GBPTL]F|LG|UG)[/\-.](?:\d+[A-Z]?|[A-Z]|LEFT|RIGHT)(?:[/\-.](?:\d+[A-Z]?|[A-Z]))?"
)
_GLUED_UNIT = re.compile(r"(FLAT|FLT|APT|APARTMENT|UNIT|SUITE|ROOM)(\d+[A-Z]?(?:[/\-]\d+[A-Z]?)?)")
_GLUED_NUMBER = re.compile(r"(\d+[A-D]?)([A-Z]{4,})")
_WHOLE_SLASHED = frozenset(
    {"O/S", "R/O", "C/O", "N/F/A", "N/K", "N/A", "J/W", "N/O", "S/O", "E/O", "W/O", "N/B", "S/B", "E/B", "W/B"}
)
_SPACED_RANGE = re.compile(
    r"(?<![0-9A-Z/.\-])(?<!FLAT )(?<!FLT )(?<!APT )(?<!UNIT )(\d{1,4}) ?- ?(\d{1,4})(?![0-9A-Z/.\-])"
)
WIDEST_RANGE = 60
TOKEN_CACHE = 200_000


def fold(text: str) -> str:
    """Text in upper case without accents or apostrophes."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("–", "-").replace("—", "-"))
        text = "".join(c for c in text if not unicodedata.combining(c))
    return text.upper().translate(_APOSTROPHES)


def tokenise(text: str) -> tuple[str, ...]:
    """Tokens of a text, in canonical form (`ROAD` and `RD` are one token); never begins, ends or doubles a `BREAK`."""
    return tokenise_folded(fold(text))


def tokenise_folded(folded: str) -> tuple[str, ...]:
    """Tokens of a text that is folded already."""
    if " -" in folded or "- " in folded:
        folded = _SPACED_RANGE.sub(_close_range, folded)
    if "\n" in folded:
        folded = folded.replace("\n", f" {BREAK} ")
    tokens = list(chain.from_iterable(map(_tokens_of_word, folded.split())))
    if tokens and (tokens[0] == BREAK or _DOUBLE_BREAK in " ".join(tokens)):
        tokens = [t for t, before in zip(tokens, (BREAK, *tokens), strict=False) if t != BREAK or before != BREAK]
    if tokens and tokens[-1] == BREAK:
        tokens.pop()
    return tuple(tokens)


def _close_range(found: re.Match[str]) -> str:
    """`70 - 74` as `70-74`, with all the readings that has, where it may be a range; else as it is."""
    first, last = int(found[1]), int(found[2])
    return f"{first}-{last}" if first < last <= first + WIDEST_RANGE else found[0]


@lru_cache(maxsize=TOKEN_CACHE)
def _tokens_of_word(word: str) -> tuple[str, ...]:
    """Tokens of what stands between two spaces, its commas and brackets as breaks; no token reaches over a space."""
    return tuple(token for raw in _TOKEN.findall(word) for token in _expand(raw))


@lru_cache(maxsize=TOKEN_CACHE)
def _expand(raw: str) -> tuple[str, ...]:
    canonical = vocabulary().canonical
    if raw in canonical:
        return (canonical[raw],)
    if len(raw) == 1 or raw in _WHOLE_SLASHED:
        return (_symbol(raw) if len(raw) == 1 else raw,)
    glued = _GLUED_UNIT.fullmatch(raw)
    if glued:
        return (glued[1], *_expand(glued[2]))
    if raw.isalnum():
        return _expand_plain(raw)
    if _CODE.fullmatch(raw):
        return (raw.replace(".", "/"),)
    joiner = SLASH if "/" in raw else ""
    parts = [p for p in re.split(r"[/.\-]", raw) if p]
    tokens: list[str] = []
    for index, part in enumerate(parts):
        if index and joiner:
            tokens.append(SLASH)
        tokens.extend(_expand(part))
    return tuple(tokens)


def _expand_plain(raw: str) -> tuple[str, ...]:
    numbered = _GLUED_NUMBER.fullmatch(raw)
    if numbered and raw not in vocabulary().ordinals:
        return (numbered[1], *_expand(numbered[2]))
    if raw.startswith("MAC") and len(raw) > 6:
        return ("MC" + raw[3:],)
    if raw.isdigit():
        return (raw.lstrip("0") or "0",)
    return (raw,)


def _symbol(raw: str) -> str:
    if raw in "&+":
        return "AND"
    if raw == "@":
        return "AT"
    if raw == SLASH:
        return SLASH
    return raw if raw.isalnum() else BREAK


def join(tokens: tuple[str, ...] | list[str]) -> str:
    """Tokens as one key."""
    return " ".join(tokens)


def name_key(text: str | None) -> str:
    """Key of a name (street, locality, place): its tokens without breaks; empty for nothing."""
    if not text:
        return ""
    return " ".join(t for t in tokenise(text) if t not in (BREAK, SLASH))
