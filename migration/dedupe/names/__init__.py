"""Names of people: cleaned, split, and put into families of equal names.

Enters: one name as recorded. Leaves: capital letters A to Z without accents, points or spaces; families of forenames
that stand for each other (`forename_groups.csv`: short, Gaelic and anglicised forms) and of surnames that do
(`surname_equivalents.csv`). Must hold: cleaning twice equals cleaning once. Refuses to guess: a name that is only a
placeholder becomes None, and a lone name is kept as "forename or surname".
"""

import csv
import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
APART = re.compile(r"[^A-Z]+")
REPEATED = re.compile(r"(.)\1+")
EQUAL_SOUNDS = str.maketrans("CQVXJ", "KKFSG")
CONSONANTS = str.maketrans("CQVXJ", "KKFSG", "AEIOUYHW")
SHORT_MAC = re.compile(r"MAC(?=[^AEHIKY])(?=...)|MAC(?=[AEHIKY]....)")
"""MacDonald is McDonald; Mack, Mackie, Macey, Machin and Maciag are other names."""


class FullName(NamedTuple):
    """The parts of a name in one field; `lone` where there is one word that may be either."""

    forename: str | None
    further: str | None
    surname: str | None
    lone: str | None


def fold_letters(text: str) -> str:
    """Capital letters without accents; everything else unchanged."""
    if text.isascii():
        return text.upper()
    plain = text.upper().replace("Æ", "AE").replace("Ø", "O").replace("ß", "SS").replace("Ł", "L").replace("Đ", "D")
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))


def split_words(text: str) -> list[str]:
    """Words of letters, in order. An apostrophe joins (O'Neil); anything else parts."""
    if text.isascii() and text.isalpha():
        return [text.upper()]
    folded = fold_letters(text).replace("'", "").replace("’", "").replace("`", "")
    return [w for w in APART.split(folded) if w]


def clean_forename(text: str | None) -> str | None:
    """The first forename as letters, without title; None for a placeholder or nothing."""
    words = [w for w in split_words(text or "") if w not in titles()] or split_words(text or "")
    joined = " ".join(words)
    if not words or {joined, words[0]} & placeholder_words():
        return None
    return words[0]


def clean_further(text: str | None) -> str | None:
    """The first of the further forenames; None for a placeholder or nothing."""
    words = split_words(text or "")
    return words[0] if words and " ".join(words) not in placeholder_words() else None


def clean_surname(text: str | None) -> str | None:
    """The surname as one word of letters: Mac as MC, O' joined, hyphens and spaces gone; None for a placeholder."""
    words = split_words(text or "")
    while len(words) > 1 and words[-1] in suffixes():
        words.pop()
    joined = shorten_mac("".join(words))
    if not words or {" ".join(words), "".join(words), joined} & placeholder_words():
        return None
    return joined


def surname_parts(text: str | None) -> tuple[str, ...]:
    """The parts of a double surname, each as `clean_surname` has it; empty for a single one."""
    words = re.split(r"\s*-\s*|\s+", (text or "").strip())
    parts = [clean_surname(w) for w in words if w and fold_letters(w) not in particles()]
    found = tuple(p for p in parts if p and len(p) > 2)
    return found if len(found) == 2 else ()


def shorten_mac(word: str) -> str:
    """MAC as MC where it is the prefix."""
    return SHORT_MAC.sub("MC", word, count=1) if word.startswith("MAC") else word


def split_full_name(text: str | None) -> FullName:
    """The parts of a name in one field: `SURNAME, Forename Further` or `Title Forename Further Surname Suffix`."""
    raw = (text or "").strip()
    if "," in raw and not re.search(r"\d", raw):
        head, tail = raw.split(",", 1)
        if split_words(head) and split_words(tail) and not set(split_words(tail)) & suffixes():
            forenames = [w for w in split_words(tail) if w not in titles()]
            return FullName(*_first_two(forenames), clean_surname(head), None)
    words = [w for w in split_words(re.split(r",|\d", raw)[0])]
    while len(words) > 1 and words[0] in titles():
        words.pop(0)
    while len(words) > 1 and words[-1] in suffixes():
        words.pop()
    if not words or " ".join(words) in placeholder_words():
        return FullName(None, None, None, None)
    if len(words) == 1:
        return FullName(None, None, None, shorten_mac(words[0]))
    start = len(words) - 1
    while start > 1 and words[start - 1] in particles():
        start -= 1
    return FullName(*_first_two(words[:start]), clean_surname(" ".join(words[start:])), None)


def _first_two(words: list[str]) -> tuple[str | None, str | None]:
    return (words[0] if words else None), (words[1] if len(words) > 1 else None)


def sound_key(word: str | None) -> str | None:
    """A rough key of how a surname sounds: first letter and consonants, with equal sounds written equally."""
    if not word:
        return None
    text = word
    for written, sound in (("PH", "F"), ("GH", ""), ("CK", "K"), ("SCH", "SK"), ("Z", "S"), ("WH", "W"), ("KN", "N")):
        text = text.replace(written, sound)
    kept = text[:1].translate(EQUAL_SOUNDS) + text[1:].translate(CONSONANTS)
    return REPEATED.sub(r"\1", kept)[:6] or None


def is_pseudo_name(text: str | None) -> bool:
    """Whether a whole name stands for nobody in particular or for an office ("Unknown Male", "Procurator Fiscal")."""
    words = split_words(text or "")
    joined = " ".join(words)
    return not words or joined in placeholder_words() or bool(words_of("organisation") & set(words))


@cache
def words_of(*kinds: str) -> frozenset[str]:
    """Words of `words.csv` of the given kinds."""
    return frozenset(r["word"] for r in _read_csv("words.csv") if r["kind"] in kinds)


def titles() -> frozenset[str]:
    """Titles and ranks before a name."""
    return words_of("title")


def suffixes() -> frozenset[str]:
    """What may follow a surname without being part of it."""
    return words_of("suffix")


def particles() -> frozenset[str]:
    """Words that begin a surname."""
    return words_of("particle")


def placeholder_words() -> frozenset[str]:
    """Entries that say a name is not known."""
    return words_of("name", "pseudo")


@lru_cache(maxsize=1)
def forename_families() -> Mapping[str, tuple[str, ...]]:
    """For every forename of the table, the heads of the families it belongs to, sorted; its own head first."""
    return _families("forename_groups.csv")


@lru_cache(maxsize=1)
def surname_families() -> Mapping[str, tuple[str, ...]]:
    """For every surname of the table, the heads of the families it belongs to."""
    return _families("surname_equivalents.csv")


def _families(file: str) -> Mapping[str, tuple[str, ...]]:
    heads: dict[str, set[str]] = {}
    for row in _read_csv(file):
        for name in (row["canonical"], *row["variants"].split()):
            heads.setdefault(name, set()).add(row["canonical"])
    ordered = {n: tuple(sorted(h, key=lambda x, n=n: (x != n, x))) for n, h in sorted(heads.items())}  # type: ignore[misc]
    return MappingProxyType(ordered)


def _read_csv(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
