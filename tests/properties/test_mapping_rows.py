"""Whatever rows a legacy system holds, mapping loses none, doubles none, and does not depend on their order."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from migration.layers import layer_folder, read_manifest, write_layer
from migration.mapping import distinct, lane
from migration.mapping.stage import map_division
from migration.records import Layer, RunContext, StageStatus
from migration.settings import Settings

Row = tuple[str | None, ...]
TABLES = {"CASES": ("CASE_NO", "RECORDED", "STATE"), "PEOPLE": ("PERSON_NO", "CASE_NO", "SURNAME", "ROLE")}
SOURCES = """\
systems:
  legacy:
    kind: database
    tables:
      CASES: {key: CASE_NO, primary: crime_report, columns: [CASE_NO, RECORDED, STATE]}
      PEOPLE: {key: PERSON_NO, primary: nominal, columns: [PERSON_NO, CASE_NO, SURNAME, ROLE]}
"""
ENTITIES = {
    "crime_report": """\
entity: crime_report
records:
  case:
    from: CASES
    out_of_scope: {lost: {if: {from: STATE, equals: L}, reason: kept elsewhere}}
    weed: {old: {if: {from: RECORDED, parse: date, before: "2000-01-01"}, reason: old}}
    fields:
      legacy_crime_no: CASE_NO
      recorded_at_utc: {from: RECORDED, parse: timestamp, formats: ["%Y-%m-%d"]}
      status_code: {from: STATE, lookup: state}
""",
    "nominal": """\
entity: nominal
records:
  person:
    from: PEOPLE
    fields:
      nominal_type_code: {constant: PERSON}
      full_name_raw: SURNAME
      surname: SURNAME
      born_on_precision_code: {constant: NONE}
""",
    "crime_nominal": """\
entity: crime_nominal
records:
  role:
    from: PEOPLE
    group: ROLE
    present: CASE_NO
    fields:
      crime_report_id: {record_id: {table: CASES, key: CASE_NO}}
      nominal_id: {record_id: {table: PEOPLE, key: PERSON_NO}}
      role_code: {from: ROLE, lookup: role}
      dpa_category_code: {from: ROLE, lookup: category}
""",
}
HEADER = "legacy_value,national_code,rationale,status,agreed_by,agreed_on\n"
CODES = {
    "state": "O,OPEN,x,AGREED,a,2026-09-01\n",
    "role": "W,WITNESS,x,AGREED,a,2026-09-01\n",
    "category": "W,WITNESS,x,AGREED,a,2026-09-01\n",
}

keys = st.one_of(st.none(), st.sampled_from(["1", "2", "3", "4"]))
days = st.sampled_from([None, "2019-06-01", "2019-02-30", "1999-01-01", "soon"])
cases = st.lists(st.tuples(keys, days, st.sampled_from([None, "O", "X", "L"])), max_size=12)
people = st.lists(
    st.tuples(keys, keys, st.sampled_from([None, "Testman", " "]), st.sampled_from([None, "W", "Q"])), max_size=12
)


@pytest.fixture(scope="module")
def pack_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("packs")
    files = {
        "national/national.yml": "notes: none\n",
        "families/small/sources.yml": SOURCES,
        "divisions/Z/division.yml": 'division: Z\nfamily: small\nas_at: "2023-12-01"\n',
    }
    files |= {f"families/small/entities/{name}.yml": text for name, text in ENTITIES.items()}
    files |= {f"families/small/codes/{name}.csv": HEADER + text for name, text in CODES.items()}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return Settings(home=tmp_path_factory.mktemp("home"), mappings=root, threads=1)


def map_rows(settings: Settings, run: str, rows: dict[str, list[Row]]) -> RunContext:
    """Map rows in a lake of the run's own: nothing is their last extract, which they would have to resemble."""
    context = RunContext(settings.model_copy(update={"home": settings.home / run}), "Z", run)
    with write_layer(context, Layer.RAW, "raw") as writer:
        for table, columns in TABLES.items():
            data = {c: pa.array([r[i] for r in rows[table]], pa.string()) for i, c in enumerate(columns)}
            numbers = pa.array(range(1, len(rows[table]) + 1), pa.int64())
            pq.write_table(pa.table({"_source_row": numbers, **data}), writer.path(f"legacy/{table}"))
    map_division(context)
    return context


def read(context: RunContext, layer: Layer, name: str) -> list[dict[str, object]]:
    path: Path = layer_folder(context, layer) / f"{name}.parquet"
    return pq.read_table(path).to_pylist() if path.exists() else []


def without_order(rows: list[dict[str, object]]) -> Counter[tuple[object, ...]]:
    """Rows as a bag, without the columns that say where in its extract a row stood and when it ran."""
    left_out = {"source_row", "run_id"}
    return Counter(tuple(str(v) for k, v in sorted(row.items()) if k not in left_out) for row in rows)


slow = hypothesis_settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example runs the whole stage: shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@slow
@given(cases=cases, people=people)
def test_every_row_ends_in_exactly_one_disposition_and_only_loaded_ones_are_mapped(
    pack_settings: Settings, cases: list[Row], people: list[Row]
) -> None:
    context = map_rows(pack_settings, "balance", {"CASES": cases, "PEOPLE": people})
    dispositions = read(context, Layer.MAPPED, "disposition")
    per_entity = Counter(d["entity"] for d in dispositions)
    assert per_entity["crime_report"] == len(cases)
    assert per_entity["nominal"] == len(people)
    assert per_entity["crime_nominal"] == sum(1 for row in people if row[1] is not None)
    named = [(d["source_table"], d["entity"], d["source_key"]) for d in dispositions]
    assert len(named) == len(set(named))
    for entity in ("crime_report", "nominal", "crime_nominal"):
        loaded = {d["target_id"] for d in dispositions if d["entity"] == entity and d["outcome"] == "LOADED"}
        rows = read(context, Layer.MAPPED, entity)
        assert {row[f"{entity}_id"] for row in rows} == loaded
        assert len(rows) == len(loaded)
    rejected = {(r["source_table"], r["entity"], r["source_key"]) for r in read(context, Layer.REJECTED, "rejects")}
    quarantined = {n for n, d in zip(named, dispositions, strict=True) if d["outcome"] == "QUARANTINED"}
    assert rejected == quarantined


@slow
@given(cases=cases, people=people)
def test_no_loaded_link_points_to_a_record_that_is_not_loaded(
    pack_settings: Settings, cases: list[Row], people: list[Row]
) -> None:
    context = map_rows(pack_settings, "links", {"CASES": cases, "PEOPLE": people})
    reports = {r["crime_report_id"] for r in read(context, Layer.MAPPED, "crime_report")}
    nominals = {r["nominal_id"] for r in read(context, Layer.MAPPED, "nominal")}
    for link in read(context, Layer.MAPPED, "crime_nominal"):
        assert link["crime_report_id"] in reports
        assert link["nominal_id"] in nominals


@slow
@given(cases=cases, people=people, data=st.data())
def test_the_order_of_the_rows_changes_nothing(
    pack_settings: Settings, cases: list[Row], people: list[Row], data: st.DataObject
) -> None:
    first = map_rows(pack_settings, "first", {"CASES": cases, "PEOPLE": people})
    shuffled = {"CASES": data.draw(st.permutations(cases)), "PEOPLE": data.draw(st.permutations(people))}
    second = map_rows(pack_settings, "second", shuffled)
    for layer, name in (
        (Layer.MAPPED, "crime_report"),
        (Layer.MAPPED, "crime_nominal"),
        (Layer.MAPPED, "disposition"),
        (Layer.REJECTED, "rejects"),
        (Layer.REJECTED, "issues"),
    ):
        assert without_order(read(first, layer, name)) == without_order(read(second, layer, name)), name


spaced = st.lists(
    st.tuples(st.sampled_from([None, "1", "1 ", " 1", "2", "3"]), days, st.sampled_from(["O", "X", "L"])), max_size=12
)
"""Keys that differ only in blanks: different records with one crime number, which must be unique."""


@slow
@example(
    cases=[("1", "2019-06-01", "O"), ("1 ", "2019-06-01", "O"), ("2", "2019-06-01", "O"), (" 1", "2019-06-01", "X")],
    people=[("1", "1", "Testman", "W"), ("2", "2", "Testman", "W"), ("2", "2", "Testman", "Q")],
)
@given(cases=spaced, people=people)
def test_rows_loaded_together_are_those_decided_one_by_one(
    pack_settings: Settings, cases: list[Row], people: list[Row]
) -> None:
    rows = {"CASES": cases, "PEOPLE": people}
    one_by_one = map_rows(pack_settings, "apart", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane, "LEAST_ROWS", 1)
        patch.setattr(distinct, "_has_few", lambda _file, column: column != "RECORDED")
        together = map_rows(pack_settings, "together", rows)
    for layer in (Layer.MAPPED, Layer.REJECTED):
        left, right = (read_manifest(c, layer).tables for c in (one_by_one, together))
        assert {t.name: t.content_hash for t in left} == {t.name: t.content_hash for t in right}


@slow
@given(cases=cases, people=people)
def test_mapping_again_gives_the_same_content_and_then_nothing_to_do(
    pack_settings: Settings, cases: list[Row], people: list[Row]
) -> None:
    rows = {"CASES": cases, "PEOPLE": people}
    context = map_rows(pack_settings, "again", rows)
    before = read_manifest(context, Layer.MAPPED).content_hash, read_manifest(context, Layer.REJECTED).content_hash
    assert map_division(context).status is StageStatus.SKIPPED
    other = map_rows(pack_settings, "other", rows)
    assert before == (
        read_manifest(other, Layer.MAPPED).content_hash,
        read_manifest(other, Layer.REJECTED).content_hash,
    )
