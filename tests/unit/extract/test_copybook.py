"""Copybooks are laid out as the compiler lays them out, or refused."""

import pytest

from migration.errors import ConfigError
from migration.extract.copybook import Storage, parse_copybook, record_size

BOOK = """
000100* A comment in column 7.
       01  REC.
           05  KEY-NO              PIC 9(6).                            ignored
           05  AMOUNT              PIC S9(7)V99 COMP-3.
           05  COUNTS              PIC S9(4) USAGE IS COMP.
           05  BIG                 PIC 9(10) BINARY.
           05  OLD-KEY REDEFINES KEY-NO.
               10  YEAR-NO         PIC 99.
               10  FILLER          PIC X(4).
           05  N                   PIC 9.
           05  ITEM OCCURS 1 TO 3 TIMES DEPENDING ON N INDEXED BY I.
               10  CODE-X          PIC X(2) VALUE 'A.'.
               10  PRICE OCCURS 2  PIC S9(3)V9
                   SIGN IS LEADING SEPARATE CHARACTER.
           05  RATE                COMP-1.
           88  IS-NEW              VALUE 'Y'.
"""


def test_offsets_sizes_and_storage_are_those_of_the_compiler() -> None:
    fields = {f.path: f for f in parse_copybook(BOOK)}
    assert [(f.path, f.offset, f.size, f.storage.value) for f in list(fields.values())[:6]] == [
        ("KEY-NO", 0, 6, "zoned"),
        ("AMOUNT", 6, 5, "packed"),
        ("COUNTS", 11, 2, "binary"),
        ("BIG", 13, 8, "binary"),
        ("OLD-KEY.YEAR-NO", 0, 2, "zoned"),
        ("N", 21, 1, "zoned"),
    ]
    assert (fields["AMOUNT"].digits, fields["AMOUNT"].scale) == (9, 2)
    assert fields["ITEM[3].PRICE[2]"].offset == 22 + 2 * 12 + 2 + 5
    assert fields["ITEM[3].PRICE[2]"].size == 5
    assert (fields["ITEM[2].CODE-X"].depends_on, fields["ITEM[2].CODE-X"].occurrence) == ("N", 2)
    assert fields["RATE"].storage is Storage.FLOAT
    assert record_size(tuple(fields.values())) == 22 + 36 + 4


@pytest.mark.parametrize(
    "entry",
    [
        "05 A PIC Q(3).",
        "05 A.",
        "05 A PIC X(3) COMP-3.",
        "05 A PIC 9(3) SYNC.",
        "05 A PIC 9(3)PPP.",
        "05 A PIC 9(3) WOBBLE.",
        "05 A REDEFINES B PIC X.",
        "A PIC X.",
        "05 A OCCURS PIC X.",
    ],
)
def test_entry_that_is_not_understood_is_a_settings_error(entry) -> None:
    with pytest.raises(ConfigError):
        parse_copybook(f"       01 REC.\n       {entry}")


def test_empty_copybook_is_a_settings_error() -> None:
    with pytest.raises(ConfigError, match="no data description"):
        parse_copybook("")
