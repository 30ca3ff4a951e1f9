"""JSON Lines: one object a line.

Enters: a file. Leaves: records; texts as they are, numbers with their digits as written, true and false as such,
objects and lists as compact JSON. Must hold: `null` and an absent field are NULL. Refuses: a field that the pack
does not name.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from migration.errors import SourceError
from migration.extract.encodings import Encoding, decode_lines, load_encoding, read_lines, settle_order
from migration.extract.files import open_stream
from migration.extract.reader import BadLineReason
from migration.extract.record_files import Record, RecordFormat, Values, column_path
from migration.extract.sources import TableSource


class _Digits(str):
    """A number's text, told apart from a text."""

    __slots__ = ()


DECODER = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits, parse_constant=_Digits)


def read_json_lines(source: TableSource, path: Path) -> Iterator[Record]:
    """The file's objects.

    Raises:
        SourceError: an object has a field that the pack does not name, or the last line stops within it.
    """
    paths = [column_path(source, i).split(".") for i in range(len(source.table.columns))]
    known = {p[0] for p in paths}
    encoding = settle_order(source, path, load_encoding(source))
    for number, (offset, line) in enumerate(read_lines(source, path, encoding), 1):
        if line.strip():
            yield _read_line(source, path, known, paths, encoding, number, offset, line.removesuffix(b"\n"))


def _read_line(
    source: TableSource,
    path: Path,
    known: set[str],
    paths: list[list[str]],
    encoding: Encoding,
    number: int,
    offset: int,
    line: bytes,
) -> Record:
    try:
        found = DECODER.decode(line.decode(encoding.name))
    except UnicodeDecodeError:
        return Record(number, offset, None, BadLineReason.UNDECODABLE, encoding.restore(line))
    except ValueError:
        return Record(number, offset, None, BadLineReason.BAD_SYNTAX, encoding.restore(line))
    if not isinstance(found, dict):
        return Record(number, offset, None, BadLineReason.BAD_SYNTAX, encoding.restore(line))
    unknown = sorted(set(found) - known)
    if unknown:
        where = f"{source.where}, file {path.name}, line {number}"
        fix = "Map or ignore each new field in the pack."
        raise SourceError(where, f"fields unknown: {', '.join(unknown)}", "only fields of the pack", fix)
    values = [_to_text(_find(found, p)) for p in paths]
    if b"\\ud" in line.lower() and not _is_text("".join(v or "" for v in values)):
        return Record(number, offset, None, BadLineReason.UNDECODABLE, encoding.restore(line))
    return Record(number, offset, values)


def _is_text(text: str) -> bool:
    """Whether a text has no half of a character, as an escape of one half leaves it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _find(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _to_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _compact(value)


def _compact(value: Any) -> str:
    """JSON without spaces, numbers as they were written."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_compact(v) for v in value) + "]"
    if isinstance(value, _Digits):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}\[\]:,]|true|false|null)')


def reread_json_lines(source: TableSource, path: Path) -> Iterator[Values | None]:
    """The same objects read token by token; whether a line is bad was judged by the first parser."""
    paths = [column_path(source, i).split(".") for i in range(len(source.table.columns))]
    encoding = settle_order(source, path, load_encoding(source))
    with open_stream(source, path) as stream:
        for line in decode_lines(stream, encoding):
            if line.strip():
                yield _reread_line(line, paths)


def _reread_line(line: str, paths: list[list[str]]) -> Values | None:
    tokens = iter(TOKEN.findall(line))
    try:
        found = _build(next(tokens), tokens)
    except (StopIteration, ValueError):
        return None
    return [_to_text(_find(found, p)) for p in paths] if isinstance(found, dict) else None


def _build(word: str, tokens: Iterator[str]) -> Any:
    """The value that begins with `word`."""
    if word == "{":
        return _build_object(tokens)
    if word == "[":
        return _build_list(tokens)
    if word in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[word]
    return json.loads(word) if word.startswith('"') else _Digits(word)


def _build_object(tokens: Iterator[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in tokens:
        if word == "}":
            break
        if word != ",":
            name = json.loads(word)
            next(tokens)
            found[name] = _build(next(tokens), tokens)
    return found


def _build_list(tokens: Iterator[str]) -> list[Any]:
    found = []
    for word in tokens:
        if word == "]":
            break
        if word != ",":
            found.append(_build(word, tokens))
    return found


JSON_LINES = RecordFormat(read_json_lines, reread_json_lines)
