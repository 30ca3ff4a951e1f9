"""The files of a source table: found by glob, opened whatever their compression, hashed as they lie.

Enters: a folder and a glob. Leaves: paths sorted by name, and streams of their uncompressed bytes. Must hold: the
order of files never depends on the file system. Refuses: no file, an empty folder name, a compressed file that ends
early.
"""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from migration.errors import SourceError
from migration.extract.sources import TableSource
from migration.fingerprint import combine_hashes
from migration.layers import hash_file

READ_FAILURES = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException)
"""What the decompressors raise on a damaged file."""


def find_files(source: TableSource) -> tuple[Path, ...]:
    """The table's files, sorted by name.

    Raises:
        SourceError: the folder or every file is missing.
    """
    folder = Path(source.location)
    fix = f"Put the extract there, or set {source.system.location_setting} to its folder."
    if not folder.is_dir():
        raise SourceError(f"{source.where}, folder {folder}", "no folder", "the system's export files", fix)
    files = tuple(sorted((p for p in folder.glob(source.table.files) if p.is_file()), key=lambda p: p.name))
    if not files:
        where = f"{source.where}, folder {folder}"
        raise SourceError(where, "no file", f"at least one file named {source.table.files}", fix)
    return files


def hash_files(files: tuple[Path, ...]) -> dict[str, str]:
    """SHA-256 of each file as it lies, by file name."""
    return {path.name: hash_file(path) for path in files}


def combine_file_hashes(hashes: dict[str, str]) -> str:
    """One hash of several files' names and contents."""
    return combine_hashes(f"{name}={digest}" for name, digest in sorted(hashes.items()))


def describe_files(files: tuple[Path, ...]) -> dict[str, object]:
    """Facts of an extract's files for the manifest: SHA-256 of each, and when the legacy system wrote them.

    `snapshot` names their content as a whole, as a database's snapshot id does; `source_time` is the time the newest
    of them was last changed, UTC: the system's own clock, where the copy kept it.
    """
    hashes = hash_files(files)
    newest = max(path.stat().st_mtime for path in files)
    return {
        "files": hashes,
        "snapshot": f"sha256:{combine_file_hashes(hashes)[:32]}",
        "source_time": datetime.fromtimestamp(newest, UTC).isoformat(timespec="seconds"),
    }


def read_pieces(source: TableSource, path: Path, size: int) -> Iterator[bytes]:
    """The file's uncompressed bytes in pieces of at most `size`.

    Raises:
        SourceError: the file is damaged or ends before its compressed data does.
    """
    with open_checked(source, path) as stream:
        piece = stream.read(size)
        while piece:
            yield piece
            piece = stream.read(size)


@contextmanager
def open_checked(source: TableSource, path: Path) -> Iterator[BinaryIO]:
    """The stream of `open_stream`, for a reader: what a damaged file makes its reading raise becomes one error.

    Raises:
        SourceError: the file is damaged or ends before its compressed data does.
    """
    try:
        with open_stream(source, path) as stream:
            yield stream
    except READ_FAILURES as failure:
        where, name = f"{source.where}, file {path.name}", type(failure).__name__
        fix = "Copy the file again from the legacy system and compare its size."
        raise SourceError(where, f"a file that cannot be read to its end ({name})", "a complete file", fix) from failure


@contextmanager
def open_stream(source: TableSource, path: Path) -> Iterator[BinaryIO]:
    """A stream of the file's uncompressed bytes, by its suffix: gz, bz2, xz, zst, zip (one member), or as it is."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(source, path, archive)) as member:
            yield cast(BinaryIO, member)
    elif suffix == ".gz":
        with gzip.open(path) as stream:
            yield cast(BinaryIO, stream)
    elif suffix == ".bz2":
        with bz2.open(path) as stream:
            yield cast(BinaryIO, stream)
    elif suffix == ".xz":
        with lzma.open(path) as stream:
            yield cast(BinaryIO, stream)
    elif suffix == ".zst":
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
            yield cast(BinaryIO, stream)
    else:
        with path.open("rb") as stream:
            yield stream


def _only_member(source: TableSource, path: Path, archive: zipfile.ZipFile) -> str:
    members = [name for name in archive.namelist() if not name.endswith("/")]
    if len(members) == 1:
        return members[0]
    where = f"{source.where}, file {path.name}"
    raise SourceError(where, f"{len(members)} files in the archive", "one", "Unpack it and name the files in the pack.")
