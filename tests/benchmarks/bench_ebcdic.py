"""Mainframe files: megabytes a second of decoding, of writing Parquet, and of the whole proved extract.

`python tests/benchmarks/bench_ebcdic.py --rows 600000` makes one file of invented fixed records (texts, packed, zoned,
binary numbers, with and without sign and point) and the same with record descriptor words, and times in a process of
its own: decoding to Arrow, decoding into Parquet, and the extract as the stage does it, which reads the file again by
another parser and compares control totals. Prints seconds, megabytes of the file a second and peak memory.
"""

import argparse
import multiprocessing
import resource
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from migration.extract.ebcdic import EbcdicReader
from migration.extract.raw_table import open_rows, write_table
from migration.extract.reader import SOURCE_ROW
from migration.extract.sources import TableSource
from migration.mapping.model import SourceColumn, SourceKind, SourceSystem, SourceTable
from migration.records import RunContext
from migration.settings import Settings

COPYBOOK = """       01 CRIME.
           05 CRIME-NO      PIC X(13).
           05 YEAR-NO       PIC 9(4).
           05 BEAT          PIC X(6).
           05 STATUS        PIC X(2).
           05 SURNAME       PIC X(30).
           05 FORENAMES     PIC X(40).
           05 STREET        PIC X(30).
           05 TOWN          PIC X(30).
           05 POSTCODE      PIC X(8).
           05 EASTING       PIC S9(7) COMP-3.
           05 NORTHING      PIC S9(7) COMP-3.
           05 PROPERTY-GBP  PIC S9(9)V99 COMP-3.
           05 VICTIMS       PIC S9(4) COMP.
           05 OFFICER       PIC S9(9) COMP.
           05 BALANCE       PIC S9(7)V99.
           05 MO-TEXT       PIC X(60).
"""
SMALL = 1_000
Work = Callable[[TableSource, Path], None]


def make_record(number: int) -> bytes:
    """One invented record."""
    texts = f"CR{number:011}{1990 + number % 30}B{number % 400:05}S{number % 9}"
    texts += f"SURNAME {number % 50000}".ljust(30) + f"FORENAME {number % 3000}".ljust(40)
    texts += f"{number % 900} HIGH STREET".ljust(30) + f"TOWN {number % 300}".ljust(30) + "DD1 4AA ".ljust(8)
    packed = bytes.fromhex(f"{300000 + number % 99999:07}C{700000 + number % 99999:07}C{number % 100000:011}D")
    binary = struct.pack(">hi", number % 9, -number)
    balance = f"{number % 1000000:09}".encode("cp037")
    balance = balance[:-1] + bytes([balance[-1] & 0xDF])
    return (
        texts.encode("cp037") + packed + binary + balance + f"ENTRY BY WINDOW {number % 700}".ljust(60).encode("cp037")
    )


def make_file(path: Path, rows: int, *, with_words: bool) -> None:
    """A file of `rows` records: ten thousand different ones, repeated."""
    records = [make_record(i) for i in range(min(rows, 10_000))]
    if with_words:
        records = [struct.pack(">H2x", len(r) + 4) + r for r in records]
    block = b"".join(records)
    with path.open("wb") as file:
        for begin in range(0, rows, len(records)):
            file.write(block[: (rows - begin) * len(records[0])])


def make_source(folder: Path, files: str, records: str) -> TableSource:
    """The file as a pack would name it."""
    options = {"copybook": "crime.cpy", "records": records}
    names = [line.split()[1] for line in COPYBOOK.splitlines()[1:]]
    table = SourceTable("crime", (), None, tuple(SourceColumn(n) for n in names), {}, files=files)
    system = SourceSystem("bench", SourceKind.EBCDIC, "", "", options, "OFFICIAL", 1, "", ())
    return TableSource("X", system, table, str(folder))


def run_decode(source: TableSource, folder: Path) -> None:
    """Decoding to Arrow, thrown away."""
    for _ in EbcdicReader(source).read_batches():
        pass


def run_parquet(source: TableSource, folder: Path) -> None:
    """Decoding into Parquet, without the proof."""
    import pyarrow as pa

    reader = EbcdicReader(source)
    with open_rows(folder / "rows.parquet", reader.schema.append(pa.field(SOURCE_ROW, pa.int64(), False))) as writer:
        for batch in reader.read_batches():
            writer.write_batch(batch.rows)


def run_check(source: TableSource, folder: Path) -> None:
    """The second parser and its control totals alone."""
    EbcdicReader(source).measure_source(frozenset())


def run_proved(source: TableSource, folder: Path) -> None:
    """The extract as the stage does it: Parquet, and control totals of both sides."""
    write_table(RunContext(Settings(home=folder), "X", "r"), source, EbcdicReader(source), folder / "proved", "key")


def _measured(work: Work, folder: Path, records: str, results: "multiprocessing.Queue[object]") -> None:
    work(make_source(folder, f"{records}.small", records), folder)
    started = time.monotonic()
    work(make_source(folder, f"{records}.large", records), folder)
    results.put((time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def main() -> None:
    """Make the files and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=600_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_ebcdic_") as name:
        folder = Path(name)
        (folder / "crime.cpy").write_text(COPYBOOK)
        for records in ("fixed", "rdw"):
            for size, rows in (("small", SMALL), ("large", arguments.rows)):
                make_file(folder / f"{records}.{size}", rows, with_words=records == "rdw")
            megabytes = (folder / f"{records}.large").stat().st_size / 1e6
            for work in (run_decode, run_parquet, run_check, run_proved):
                context = multiprocessing.get_context("spawn")
                results = context.Queue()
                process = context.Process(target=_measured, args=(work, folder, records, results))
                process.start()
                seconds, peak = results.get()
                process.join()
                rate = megabytes / seconds
                what = f"{records:6} {megabytes:6.0f} MB {work.__name__[4:]:8}"
                print(f"{what} {seconds:7.1f} s {rate:7.1f} MB/s {peak:6} MB", flush=True)


if __name__ == "__main__":
    main()
