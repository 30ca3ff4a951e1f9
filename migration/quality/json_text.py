"""JSON as PostgreSQL writes a `jsonb` value: keys by length then bytes, the last of equal keys, numbers in full.

Enters: JSON text as a layer of the lake holds it. Leaves: the text PostgreSQL gives for the same value, so that both
can be compared by one hash. Refuses: text that is no JSON (its own text is returned, which equals no `jsonb`).
"""

import json
from decimal import Decimal
from functools import lru_cache


class _Number(str):
    """A number that keeps the digits it was written with."""

    __slots__ = ()


@lru_cache(maxsize=65_536)
def canonical_json(text: str) -> str:
    """The text of `text::jsonb::text`."""
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number)
    except ValueError:
        return text
    return _write(value)


def _write(value: object) -> str:
    if isinstance(value, _Number):
        return _write_number(value)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: (len(k.encode()), k.encode()))
        return "{" + ", ".join(f"{_write_text(k)}: {_write(value[k])}" for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_write(v) for v in value) + "]"
    if isinstance(value, str):
        return _write_text(value)
    return json.dumps(value)


def _write_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _write_number(text: str) -> str:
    """A number as `numeric` writes it: no exponent, zeros after the point kept, no negative zero."""
    number = Decimal(text)
    written = f"{number:f}"
    return written.removeprefix("-") if number == 0 else written
