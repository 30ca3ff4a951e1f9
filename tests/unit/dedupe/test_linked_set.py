# ruff: noqa: S311
"""Records that join a linked set, against linking all of them at once."""

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from migration.cli import build_app
from migration.dedupe.blocking import Rule
from migration.dedupe.candidates import find_candidates
from migration.dedupe.clustering import Guards, cluster_records
from migration.dedupe.files import link_records
from migration.dedupe.golden import golden_ids
from migration.dedupe.increment import join_matrices
from migration.dedupe.levels import LINKAGE_COLUMNS, people_rules, untrained_model
from migration.dedupe.linked_set import LinkedSet, join_records, load_linked_set, save_linked_set
from migration.dedupe.matrix import build_matrix
from migration.dedupe.model import read_model
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import remove_placeholders
from migration.errors import SourceError

SURNAMES = ["MacDonald", "McDonald", "Reid", "Reed", "O'Neil", "Smith-Ross", "Gunn"]
FORENAMES = ["William", "Bill", "James", "Hamish", "Una", "J", "Margaret"]


def invented(count: int, source: str, seed: int) -> pa.Table:
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        born = f"19{generator.randint(60, 62)}-0{generator.randint(1, 4)}-1{generator.randint(1, 3)}"
        rows.append(
            {
                "record_id": f"{generator.randint(0, 9)}-{source}-{number:04d}",
                "source": source,
                "surname": generator.choice(SURNAMES) + generator.choice(["", "", source]),
                "forename": generator.choice(FORENAMES),
                "dob": generator.choice([born, born, None]),
                "postcode": generator.choice(["AB10 1AA", "AB11 5XY", "DD1 4HG", None]),
                "phone": generator.choice([f"0138255{number % 60:04d}", None]),
            }
        )
    return pa.Table.from_pylist(rows)


def link(records: pa.Table, rules: tuple[Rule, ...]) -> LinkedSet:
    people, _ = remove_placeholders(normalise_people(records))
    matrix = build_matrix(people, LINKAGE_COLUMNS)
    model = untrained_model(set(people.column_names) & set(LINKAGE_COLUMNS))
    found = find_candidates(matrix, model, rules, 2)
    clusters = cluster_records(matrix, model, found.pairs, Guards(), 2)
    golden = golden_ids(matrix.record_ids, clusters.of)
    return LinkedSet(matrix, model, rules, found, clusters, golden, np.ones(len(matrix), np.bool_))


def assert_equal_sets(found: LinkedSet, expected: LinkedSet) -> None:
    for part in ("left", "right", "scores", "levels", "rules"):
        assert np.array_equal(getattr(found.candidates.pairs, part), getattr(expected.candidates.pairs, part)), part
    for part in ("of", "ambiguous", "alarms", "component"):
        assert np.array_equal(getattr(found.clusters, part), getattr(expected.clusters, part)), part
    assert found.golden.equals(expected.golden)
    assert found.matrix.record_ids.equals(expected.matrix.record_ids)


@pytest.mark.parametrize("full_block", [250, 15], ids=["blocks_in_full", "large_blocks"])
@pytest.mark.parametrize("order", ["DNA", "ADN", "NAD"])
def test_records_that_join_give_what_linking_all_at_once_gives(order, full_block, tmp_path):
    tables = {d: invented(140, d, seed) for seed, d in enumerate("DNA")}
    rules = tuple(Rule(r.name, r.columns, full_block) for r in people_rules(set(LINKAGE_COLUMNS)))
    linked = link(tables[order[0]], rules)
    for source in order[1:]:
        save_linked_set(linked, tmp_path / "set")
        linked, _ = join_records(load_linked_set(tmp_path / "set"), tables[source], 2)
        assert linked.candidates.reused > 0
    expected = link(pa.concat_tables([tables[d] for d in "DNA"]), rules)
    assert len(expected.candidates.pairs) > 500
    assert_equal_sets(linked, expected)


def test_join_matrices_gives_the_matrix_of_all_records():
    both = [normalise_people(invented(120, d, seed)) for seed, d in enumerate("DN")]
    joined = join_matrices(*(build_matrix(p, LINKAGE_COLUMNS) for p in both)).matrix
    expected = build_matrix(
        normalise_people(pa.concat_tables(invented(120, d, s) for s, d in enumerate("DN"))), LINKAGE_COLUMNS
    )
    assert joined.record_ids.equals(expected.record_ids)
    for name in LINKAGE_COLUMNS:
        texts = [
            m.column(name) if name in m.numbers else [m.pool.text(int(c)) for c in m.column(name)]
            for m in (joined, expected)
        ]
        assert list(texts[0]) == list(texts[1]), name


def test_a_record_that_is_in_the_set_is_refused(tmp_path):
    linked = link(invented(30, "D", 1), people_rules(set(LINKAGE_COLUMNS)))
    with pytest.raises(SourceError, match="30 records with the key of a record that is in it"):
        join_records(linked, invented(30, "D", 1), 1)


def test_a_set_with_a_changed_file_is_refused(tmp_path):
    save_linked_set(link(invented(30, "D", 1), people_rules(set(LINKAGE_COLUMNS))), tmp_path / "set")
    with (tmp_path / "set" / "of.npy").open("ab") as file:
        file.write(b"x")
    with pytest.raises(SourceError, match=r"changed files \['of.npy'\]"):
        load_linked_set(tmp_path / "set")


def test_a_role_that_the_set_does_not_have_is_refused():
    linked = link(invented(30, "D", 1), people_rules(set(LINKAGE_COLUMNS)))
    records = invented(30, "N", 2).append_column("id_nhs", pa.array(["1"] * 30))
    with pytest.raises(SourceError, match="id_nhs"):
        join_records(linked, records, 1)


def test_the_commands_keep_a_set_and_join_it(tmp_path):
    roles = {c: c for c in invented(1, "D", 1).column_names}
    (tmp_path / "roles.yml").write_text(yaml.safe_dump({"columns": roles}), encoding="utf-8")
    tables = {d: invented(90, d, seed) for seed, d in enumerate("DN")}
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    shared = ["--columns", str(tmp_path / "roles.yml")]
    kept, out = str(tmp_path / "set"), str(tmp_path / "out")
    runner, app = CliRunner(), build_app()
    first = runner.invoke(app, ["dedupe", "file", str(tmp_path / "D.parquet"), *shared, "--out", out, "--keep", kept])
    assert first.exit_code == 0, first.output
    second = runner.invoke(app, ["dedupe", "join", str(tmp_path / "N.parquet"), *shared, "--set", kept, "--out", out])
    assert second.exit_code == 0, second.output
    model = read_model(tmp_path / "out" / "model.json")
    whole = link_records(pa.concat_tables(tables.values()), 1, model)
    clusters = pq.read_table(tmp_path / "out" / "clusters.parquet")
    assert clusters["golden_id"].combine_chunks().equals(whole.golden)
    pairs = pq.read_table(tmp_path / "out" / "pairs.parquet")
    assert pairs.column_names == ["left", "right", "score", "band", "evidence"]
    ends = zip(pairs["left"].to_pylist(), pairs["right"].to_pylist(), strict=True)
    assert all("-N-" in left or "-N-" in right for left, right in ends)
