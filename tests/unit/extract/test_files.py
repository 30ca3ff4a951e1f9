"""The manifest says what was read, of when, whatever kind of source it was."""

from datetime import datetime, timedelta

from migration.extract.sources import load_sources
from migration.extract.stage import extract_division
from migration.layers import read_manifest
from migration.records import Layer

BOOK = "       01 REC.\n           05 NO PIC X(1).\n"


def test_manifest_names_snapshot_and_system_time_of_every_kind_of_source(tmp_path, make_context, make_database) -> None:
    path = make_database("CREATE TABLE T (NO integer); INSERT INTO T VALUES (1)")
    (tmp_path / "a.csv").write_text("NO\n1\n")
    (tmp_path / "a.jsonl").write_text('{"NO": "1"}\n')
    (tmp_path / "a.xml").write_text("<all><T><NO>1</NO></T></all>")
    (tmp_path / "a.bin").write_bytes("1".encode("cp037"))
    (tmp_path / "a.cpy").write_text(BOOK)
    table = {"key": ["NO"], "columns": ["NO"]}
    kinds = {"delimited": "*.csv", "json_lines": "*.jsonl", "xml": "*.xml", "ebcdic": "*.bin"}
    systems = {
        kind: {
            "kind": kind,
            "location": tmp_path,
            "tables": {"T": {**table, "files": files}},
            "options": {"copybook": "a.cpy"},
        }
        for kind, files in kinds.items()
    }
    systems["db"] = {"kind": "database", "location": f"sqlite:///{path}", "tables": {"T": table}}
    context = make_context(systems)
    extract_division(context)
    facts = read_manifest(context, Layer.RAW).facts["source"]
    assert set(facts) == {s.where for s in load_sources(context)}
    for described in facts.values():
        assert described["snapshot"]
        assert datetime.fromisoformat(described["source_time"]).utcoffset() == timedelta(0)
