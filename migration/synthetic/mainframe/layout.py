"""The record layout of the mainframe extract, once: it renders the copybook and encodes the segments.

Enters: nothing. Leaves: `SEGMENTS` (fields of each segment, in order) and `copybook`. Must hold: what the copybook
says is what `encode` writes, because both read the same fields.
"""

from dataclasses import dataclass
from enum import StrEnum


class Usage(StrEnum):
    """How a field is stored."""

    TEXT = "text"
    DIGITS = "digits"
    SIGNED = "signed"
    PACKED = "packed"
    BINARY = "binary"


@dataclass(frozen=True)
class Field:
    """One elementary field. `size` is characters or digits; `scale` digits after the point; `occurs` repeats it."""

    name: str
    usage: Usage
    size: int
    scale: int = 0
    occurs: int = 1

    @property
    def width(self) -> int:
        """Bytes of one occurrence."""
        if self.usage is Usage.PACKED:
            return (self.size + self.scale) // 2 + 1
        if self.usage is Usage.BINARY:
            return 2 if self.size <= 4 else 4
        return self.size + self.scale

    @property
    def picture(self) -> str:
        """COBOL picture and usage."""
        point = f"V9({self.scale})" if self.scale else ""
        return {
            Usage.TEXT: f"X({self.size})",
            Usage.DIGITS: f"9({self.size})",
            Usage.SIGNED: f"S9({self.size}){point}",
            Usage.PACKED: f"S9({self.size}){point} COMP-3",
            Usage.BINARY: f"9({self.size}) COMP",
        }[self.usage]


@dataclass(frozen=True)
class Redefined:
    """A group read one way or another, by the value of another field: each reading has the same width."""

    name: str
    readings: tuple[tuple[str, tuple[Field, ...]], ...]

    @property
    def width(self) -> int:
        """Bytes of the group."""
        return sum(f.width for f in self.readings[0][1])


def _fields(spec: str) -> tuple[Field, ...]:
    """Fields from `NAME:X10`, `NAME:910` (digits), `NAME:S7`, `NAME:P7.2` (packed), `NAME:B3`, `*3` for OCCURS."""
    usages = {"X": Usage.TEXT, "9": Usage.DIGITS, "S": Usage.SIGNED, "P": Usage.PACKED, "B": Usage.BINARY}
    found = []
    for item in spec.split():
        name, _, kind = item.partition(":")
        kind, _, occurs = kind.partition("*")
        size, _, scale = kind[1:].partition(".")
        found.append(Field(name, usages[kind[0]], int(size), int(scale or 0), int(occurs or 1)))
    return tuple(found)


HEAD = _fields("SEG-ID:X2 CRIME-NO:X11")
SEGMENTS: dict[str, tuple[Field | Redefined, ...]] = {
    "HD": _fields("HD-NOTICE:X30 HD-DIVISION:X1 HD-AS-AT:96"),
    "CR": _fields(
        "CR-BEAT:X6 CR-HOW:X2 CR-REPORTED-DATE:96 CR-REPORTED-TIME:94 CR-RECORDED-DATE:96 CR-RECORDED-TIME:94 "
        "CR-FROM-DATE:96 CR-FROM-TIME:94 CR-TO-DATE:96 CR-TO-TIME:94 CR-STORM:X16 CR-OFFICER:X6 CR-STATION:X20 "
        "CR-STATUS:X2 CR-FILE-STATE:X1 CR-REVIEW-DATE:96 CR-XFER-FROM:X16 CR-XFER-TO:X16 CR-NC-REASON:X1 "
        "CR-NC-REQ-BY:X6 CR-NC-AUTH-BY:X6 CR-COMP-UPD:X1 CR-AMENDED-DATE:96 CR-LOCUS-PREMISES:X60 "
        "CR-LOCUS-STREET:X80 CR-LOCUS-AREA:X30 CR-LOCUS-TOWN:X30 CR-LOCUS-PCODE:X8 CR-LOCUS-EAST:S7 "
        "CR-LOCUS-NORTH:P7 CR-LOCUS-KIND:X2 CR-MO:X250"
    ),
    "CI": _fields(
        "CI-SEQ:92 CI-CODE:95 CI-ATTEMPT:X1 CI-DISPOSAL:X2 CI-DETECTED-DATE:96 CI-PROC-REF:X13 CI-MARKER:X2*3"
    ),
    "ST": _fields("ST-SEQ:92 ST-FROM:X2 ST-TO:X2 ST-DATE:96 ST-TIME:94 ST-OFFICER:X6"),
    "NM": _fields(
        "NM-SEQ:B4 NM-ROLE:X2 NM-KIND:X1 NM-TITLE:X6 NM-SURNAME:X60 NM-FORENAMES:X60 NM-MAIDEN:X40 NM-AKA:X70 "
        "NM-DOB:96 NM-AGE:P3 NM-SEX:X1 NM-ETHNIC:X2 NM-BIRTHPLACE:X30 NM-OCCUPATION:X20 NM-SCRO:X11 NM-PNC:X13 "
        "NM-CRO:X10 NM-DRIVER:X16 NM-PHONE:X14 NM-ADDRESS:X160 NM-PCODE:X8"
    ),
    "PV": (
        *_fields("PV-SEQ:92 PV-KIND:X1 PV-ROLE:X1"),
        Redefined(
            "PV-DETAIL",
            (
                ("PV-PROPERTY", _fields("PV-CATEGORY:X12 PV-TEXT:X40 PV-VALUE:P7.2 FILLER:X3")),
                ("PV-VEHICLE", _fields("PV-REG:X9 PV-MAKE:X20 PV-COLOUR:X15 FILLER:X16")),
            ),
        ),
    ),
    "TR": _fields("TR-COUNT:99"),
}
"""Segments in the order they follow each other; HD is the first record of a file, TR the last."""


def copybook() -> str:
    """The copybook, in fixed COBOL form."""
    longest = max(sum(f.width * getattr(f, "occurs", 1) for f in fields) for fields in SEGMENTS.values())
    lines = [
        "      * SYNTHETIC CRIME EXTRACT. INVENTED PEOPLE, ADDRESSES AND CRIMES.",
        "      * EBCDIC CODE PAGE 037. RECORDS CARRY A 4-BYTE RDW.",
        "      * SEGMENT BY SEG-ID; PV-VEHICLE WHERE PV-KIND IS V.",
        "       01  CRIME-RECORD.",
        *(_line(5, f) for f in HEAD),
        f"           05  {'SEG-DATA':<22} PIC X({longest}).",
    ]
    for segment, fields in SEGMENTS.items():
        lines.append(f"           05  {segment}-SEGMENT REDEFINES SEG-DATA.")
        for field in fields:
            if isinstance(field, Field):
                lines.append(_line(10, field))
                continue
            first = field.readings[0][0]
            for name, parts in field.readings:
                redefines = "" if name == first else f" REDEFINES {first}"
                lines.append(f"               10  {name}{redefines}.")
                lines.extend(_line(15, part) for part in parts)
    return "\n".join(lines) + "\n"


def _line(level: int, field: Field) -> str:
    indent = " " * (7 + 4 * (level // 5))
    occurs = f" OCCURS {field.occurs} TIMES" if field.occurs > 1 else ""
    return f"{indent}{level:02d}  {field.name:<22} PIC {field.picture}{occurs}."
