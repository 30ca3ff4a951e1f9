"""COBOL copybooks: where each field of a record lies and how it is stored.

Enters: the text of a copybook. Leaves: `CopybookField`s, one per elementary field and occurrence, with offset, size
and storage. Must hold: offsets are those of a compiler without SYNCHRONIZED. Refuses: pictures, usages and clauses
it does not know. Source: ISO/IEC 1989 (COBOL), data description entry; IBM Enterprise COBOL Language Reference,
USAGE clause.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from migration.errors import ConfigError


class Storage(StrEnum):
    """How a field's bytes are to be read."""

    TEXT = "text"
    ZONED = "zoned"
    PACKED = "packed"
    BINARY = "binary"
    FLOAT = "float"


@dataclass(frozen=True)
class CopybookField:
    """One elementary field of a record.

    Attributes:
        path: names from below the record down, joined by `.`, occurrences as `[n]`: `ACCOUNT[2].TYPE`.
        offset, size: in bytes from the record's start.
        digits, scale: of numbers; `scale` digits stand behind the point.
        depends_on, occurrence: the field that counts a repeating group, and which repetition this field is in.
        is_sign_leading, is_sign_separate: of zoned numbers.
    """

    path: str
    offset: int
    size: int
    storage: Storage
    digits: int = 0
    scale: int = 0
    is_signed: bool = False
    is_sign_leading: bool = False
    is_sign_separate: bool = False
    depends_on: str = ""
    occurrence: int = 0


@dataclass
class _Entry:
    """One data description entry, with those under it."""

    level: int
    name: str
    redefines: str = ""
    picture: str = ""
    usage: str = ""
    occurs: int = 1
    is_repeating: bool = False
    depends_on: str = ""
    is_sign_leading: bool = False
    is_sign_separate: bool = False
    children: "list[_Entry]" = field(default_factory=list)
    size: int = 0


USAGES = {
    "DISPLAY": "DISPLAY",
    "COMP": "BINARY",
    "COMPUTATIONAL": "BINARY",
    "COMP-4": "BINARY",
    "COMP-5": "BINARY",
    "BINARY": "BINARY",
    "COMP-3": "PACKED",
    "COMPUTATIONAL-3": "PACKED",
    "PACKED-DECIMAL": "PACKED",
    "COMP-1": "FLOAT4",
    "COMP-2": "FLOAT8",
}
SKIPPED_LEVELS = (66, 88)
PICTURE = re.compile(r"([XA9SVPZ+\-.,/B0*])(?:\((\d+)\))?")


def parse_copybook(text: str, name: str = "copybook") -> tuple[CopybookField, ...]:
    """The elementary fields of a copybook's record, in order, every occurrence by itself.

    Raises:
        ConfigError: an entry cannot be understood; says which.
    """
    roots: list[_Entry] = []
    stack: list[_Entry] = []
    for sentence in _split_sentences(text):
        entry = _parse_entry(sentence, name)
        if entry is None:
            continue
        while stack and stack[-1].level >= entry.level:
            stack.pop()
        (stack[-1].children if stack else roots).append(entry)
        stack.append(entry)
    if not roots:
        raise _copybook_error(name, "no data description entry")
    for root in roots:
        _measure(root, name)
    return tuple(f for root in roots for f in _place(root, 0, "" if root.children else root.name, "", 0))


def record_size(fields: tuple[CopybookField, ...]) -> int:
    """Bytes of a record with every repetition."""
    return max(f.offset + f.size for f in fields)


def _copybook_error(name: str, found: str) -> ConfigError:
    return ConfigError(f"copybook {name}", found, "data description entries of COBOL", "Correct the copybook.")


def _split_sentences(text: str) -> Iterator[list[str]]:
    """Words of each entry: comments, sequence numbers and the text behind column 72 left out."""
    code = []
    for line in re.sub(r"[^\x20-\x7e\t\n]", "", text).splitlines():
        if len(line) > 6 and line[6] in "*/" and "\t" not in line[:7]:
            continue
        is_plain = line.strip() and "\t" not in line and (not line[:6].strip() or line[:6].isdigit())
        code.append(line[6:72] if is_plain else line)
    body = " ".join(line for line in code if not line.lstrip().startswith("*"))
    for sentence in re.split(r"\.(?=\s|$)", body):
        words = re.findall(r"'[^']*'|\"[^\"]*\"|[^\s,]+", sentence)
        if words:
            yield [w.upper() for w in words]


def _parse_entry(words: list[str], name: str) -> _Entry | None:
    if not words[0].isdigit():
        raise _copybook_error(name, f"an entry that begins with {words[0]}")
    level = int(words[0])
    if level in SKIPPED_LEVELS:
        return None
    has_name = len(words) > 1 and words[1] not in ("PIC", "PICTURE", "REDEFINES", "OCCURS")
    entry = _Entry(level, words[1] if has_name else "FILLER")
    rest = [w for w in words[2 if has_name else 1 :] if w not in ("IS", "ARE", "TIMES", "USAGE", "CHARACTER", "SIGN")]
    while rest:
        rest = rest[_read_clause(entry, rest, name) :]
    return entry


def _read_clause(entry: _Entry, words: list[str], name: str) -> int:
    """Read the clause that begins `words` into the entry; returns how many words it takes."""
    word = words[0]
    if word in USAGES:
        entry.usage = USAGES[word]
        return 1
    if word in ("PIC", "PICTURE", "REDEFINES"):
        if len(words) < 2:
            raise _copybook_error(name, f"{word} of {entry.name} without a value")
        setattr(entry, "redefines" if word == "REDEFINES" else "picture", words[1])
        return 2
    if word == "OCCURS":
        return _read_occurs(entry, words, name)
    if word in ("LEADING", "TRAILING", "SEPARATE"):
        entry.is_sign_leading |= word == "LEADING"
        entry.is_sign_separate |= word == "SEPARATE"
        return 1
    if word in ("VALUE", "VALUES"):
        return len(words)
    if word in ("SYNC", "SYNCHRONIZED"):
        raise _copybook_error(name, f"{entry.name} with {word}, whose slack bytes depend on the compiler")
    if word in ("JUST", "JUSTIFIED", "RIGHT", "BLANK", "WHEN", "ZERO", "ZEROS", "ZEROES", "GLOBAL", "EXTERNAL"):
        return 1
    raise _copybook_error(name, f"word {word} in {entry.name}")


def _read_occurs(entry: _Entry, words: list[str], name: str) -> int:
    if len(words) < 2 or not words[1].isdigit():
        raise _copybook_error(name, f"OCCURS of {entry.name} without a number")
    entry.is_repeating, entry.occurs, used = True, int(words[1]), 2
    if words[used : used + 1] == ["TO"]:
        entry.occurs, used = int(words[used + 1]), used + 2
    if words[used : used + 1] == ["DEPENDING"]:
        used += 1
        used += words[used : used + 1] == ["ON"]
        entry.depends_on, used = words[used], used + 1
    while words[used : used + 1] in (["ASCENDING"], ["DESCENDING"], ["KEY"], ["INDEXED"], ["BY"]):
        used += 1 if words[used] != "BY" else 2
    return used


def _measure(entry: _Entry, name: str) -> int:
    """Bytes of one repetition of the entry; REDEFINES takes no room of its own."""
    if not entry.children:
        entry.size = _read_picture(entry, name).size
        return entry.size
    rooms: dict[str, int] = {}
    for child in entry.children:
        size = _measure(child, name) * child.occurs
        base = child.redefines or f"{child.name} {len(rooms)}"
        if child.redefines:
            base = next((r for r in rooms if r.split(" ")[0] == child.redefines), "")
            if not base:
                raise _copybook_error(name, f"{child.name} that redefines {child.redefines}, which is not beside it")
        rooms[base] = max(rooms.get(base, 0), size)
    entry.size = sum(rooms.values())
    return entry.size


def _place(entry: _Entry, offset: int, path: str, depends_on: str, occurrence: int) -> Iterator[CopybookField]:
    """The elementary fields of one repetition of an entry that begins at `offset`."""
    if not entry.children:
        if entry.name != "FILLER":
            made = _read_picture(entry, entry.name)
            yield replace(made, path=path, offset=offset, depends_on=depends_on, occurrence=occurrence)
        return
    starts: dict[str, int] = {}
    position = offset
    for child in entry.children:
        begin = starts[child.redefines] if child.redefines else position
        starts[child.name] = begin
        position = max(position, begin + child.size * child.occurs)
        for number in range(1, child.occurs + 1):
            label = f"{child.name}[{number}]" if child.is_repeating else child.name
            counted = (child.depends_on, number) if child.depends_on else (depends_on, occurrence)
            below = f"{path}.{label}" if path else label
            yield from _place(child, begin + (number - 1) * child.size, below, *counted)


def _read_picture(entry: _Entry, name: str) -> CopybookField:
    """The field that a picture and usage describe, at offset 0."""
    if entry.usage in ("FLOAT4", "FLOAT8"):
        return CopybookField(entry.name, 0, int(entry.usage[-1]), Storage.FLOAT)
    symbols = _expand_picture(entry, name)
    is_number = set(symbols) <= set("9SVP") and "9" in symbols
    if not is_number:
        if entry.usage not in ("", "DISPLAY"):
            raise _copybook_error(name, f"{entry.name}, {entry.usage} with a picture that is no number")
        return CopybookField(entry.name, 0, len(symbols.replace("V", "").replace("S", "")), Storage.TEXT)
    digits = symbols.count("9")
    scale = symbols.split("V")[1].count("9") if "V" in symbols else 0
    if "P" in symbols:
        raise _copybook_error(name, f"{entry.name} with a scaling picture (P)")
    made = CopybookField(entry.name, 0, digits, Storage.ZONED, digits, scale, "S" in symbols)
    if entry.usage == "PACKED":
        return replace(made, size=digits // 2 + 1, storage=Storage.PACKED)
    if entry.usage == "BINARY":
        return replace(made, size=2 if digits <= 4 else 4 if digits <= 9 else 8, storage=Storage.BINARY)
    return replace(
        made,
        size=digits + entry.is_sign_separate,
        is_sign_leading=entry.is_sign_leading,
        is_sign_separate=entry.is_sign_separate,
    )


def _expand_picture(entry: _Entry, name: str) -> str:
    matched = PICTURE.findall(entry.picture)
    written = "".join(s + (f"({n})" if n else "") for s, n in matched)
    if not entry.picture or written != entry.picture:
        raise _copybook_error(name, f"{entry.name} with picture {entry.picture or '(none)'}")
    return "".join(s * int(n or 1) for s, n in matched)
