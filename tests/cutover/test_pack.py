"""The evidence pack: the same evidence, the same bytes; anything changed is found."""

import json
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from invented_lake import Lake, bring_to_gate, letters, sign

from migration.cutover.pack import check_pack, write_pack
from migration.cutover.stage import compute_gate
from migration.errors import CutoverError, SourceError
from migration.load.stage import load_staging

FIRST = letters(1)[0]


def read(path: Path, name: str) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name).decode()


def test_write_pack_of_the_same_evidence_gives_the_same_bytes(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann", "bob"])
    bring_to_gate(context, engine)
    first = write_pack(context, engine).read_bytes()
    compute_gate(context, engine)
    path = write_pack(context, engine)
    assert path.read_bytes() == first
    assert check_pack(path) >= 10
    assert "Nothing stands against" not in read(path, "index.html")
    sign(context, engine)
    signed = read(write_pack(context, engine), "index.html")
    assert "Nothing stands against publishing" in signed
    assert signed.count(context.settings.security_marking) == 2
    summary = json.loads(read(path, "evidence.json"))
    assert summary["verdict"] == "GREEN" and summary["stands_against_publishing"] == []


def test_write_pack_holds_no_personal_value(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["zebedee", "balthazar"])
    bring_to_gate(context, engine)
    with zipfile.ZipFile(write_pack(context, engine)) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist()).decode().lower()
    assert "zebedee" not in text and "balthazar" not in text


def test_check_pack_when_a_file_was_changed_added_or_removed_names_it(
    lake: Lake, engine: sa.Engine, tmp_path: Path
) -> None:
    context = lake.make_run(FIRST, ["ann"])
    bring_to_gate(context, engine, failing={"invented.critical.crime": 1})
    path = write_pack(context, engine)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    forged = {**files, "index.html": files["index.html"].replace(b"RED", b"GREEN")}
    added = {**files, "extra.txt": b""}
    removed = {name: content for name, content in files.items() if name != "tables/gate.csv"}
    for content, name in ((forged, "index.html"), (added, "extra.txt"), (removed, "tables/gate.csv")):
        other = tmp_path / "other.zip"
        with zipfile.ZipFile(other, "w") as archive:
            for entry, data in content.items():
                archive.writestr(entry, data)
        with pytest.raises(SourceError, match=name):
            check_pack(other)


def test_check_pack_of_something_else_says_so(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"no pack")
    with pytest.raises(SourceError, match="no readable pack"):
        check_pack(tmp_path / "no.zip")


def test_write_pack_before_the_gate_is_refused(lake: Lake, engine: sa.Engine) -> None:
    context = lake.make_run(FIRST, ["ann"])
    load_staging(context, engine)
    with pytest.raises(CutoverError, match="no gate"):
        write_pack(context, engine)
