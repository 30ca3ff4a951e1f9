"""A model of ours as SQL of Splink's kind gives our scores: every level, dates, aliases and initials included."""

import json
import random
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from migration.dedupe.candidates import score_given
from migration.dedupe.kernel import LEVEL_BITS
from migration.dedupe.levels import LINKAGE_COLUMNS, untrained_model
from migration.dedupe.matrix import build_matrix, count_frequencies
from migration.dedupe.model import Comparison, Condition, Level, Operation, read_model
from migration.dedupe.people import normalise_people
from migration.dedupe.splink_export import export_splink, without_shared_rarity
from migration.errors import ConfigError

FORENAMES = ("William", "Bill", "Hamish", "James", "J", "Una", "Morag", "Sarah", "Catriona", "Katrina", "Reid", None)
SURNAMES = (
    "MacDonald",
    "McDonald",
    "MacDonnell",
    "Reid",
    "Reed",
    "Reade",
    "Hamish",
    "Smith-Reid",
    "Gunn",
    "James",
    None,
)
BIRTHS = ("1961-04-19", "1961-04-18", "1961-19-04", "1961-12-03", "1961-03-12", "1961-04", "1961-01-01", "1961", None)
BIRTHS = (*BIRTHS, "1962-04-19", "1916-04-19", "1969-11-30", "1935-07-07", "1961-01-10", "1961-04-02")


def records(count: int = 220) -> pa.Table:
    generator = random.Random(9)  # noqa: S311
    pick = generator.choice
    return pa.Table.from_pylist(
        [
            {
                "record_id": f"n{number:04d}",
                "forename": pick(FORENAMES),
                "middle": pick((None, "Ann", "Anne", "A", "Hamish")),
                "surname": pick(SURNAMES),
                "former_surname": pick((None, "Reid", "Gunn", "Rae")),
                "alias_forename": pick((None, None, "Bill", "Una")),
                "dob": pick(BIRTHS),
                "sex": pick(("MALE", "FEMALE", None)),
                "postcode": pick(("AB1 1AA", "AB1 1AB", "AB1 2AA", "DD1 1AA", None)),
                "uprn": pick((None, "906700123", "906700456")),
                "place_of_birth": pick(("Wick", "Wicke", "Thurso", None)),
                "phone": pick((None, "01955555021", "01955555022", "01463555031")),
                "id_scro": pick((None, None, "S1234567", "S1234568", "S9999999")),
            }
            for number in range(count)
        ]
    )


@pytest.fixture(scope="module")
def scored():
    """Our scores of all pairs, and those that the exported SQL gives in DuckDB."""
    people = normalise_people(records())
    matrix = build_matrix(people, (*LINKAGE_COLUMNS, "id_scro"))
    plain = untrained_model(set(people.column_names) & set(matrix.columns))
    tables = {c: count_frequencies(matrix, c, at_least=1) for c in plain.frequency_columns}
    model = replace(plain, frequencies=tables)
    left, right = (side.astype(np.int32) for side in np.triu_indices(len(matrix), 1))
    ours, packed = score_given(matrix, without_shared_rarity(model), left, right)
    return model, people, ours, packed, sql_scores(export_splink(model), people, tables)


def null_where_unknown(people):
    """The table as Splink needs it: a date that is not known is NULL."""
    for column in ("dob", "birth_year"):
        place = people.column_names.index(column)
        known = pc.if_else(pc.equal(people[column], 0), pa.scalar(None, pa.int32()), people[column])
        people = people.set_column(place, column, known)
    return people


def sql_scores(settings, people, tables):
    """Match weights as Splink forms them: the first condition that holds, and its frequency adjustment."""
    columns = [c for c in people.column_names if c not in {"source", "is_person"}]
    people = null_where_unknown(people)
    connection = duckdb.connect()
    connection.register("people", people)
    sides = [f'{side}."{c}" AS "{c}_{side}"' for c in columns for side in "lr"]
    connection.execute(
        f"CREATE TABLE pairs AS SELECT {', '.join(sides)} FROM people l JOIN people r ON l.record_id < r.record_id"
    )
    joins, terms = [], []
    for column, table in tables.items():
        values = pa.table({"value": list(table), "tf": list(table.values())})
        connection.register(f"tf_{column}", values)
        for side in "lr":
            joins.append(f'LEFT JOIN tf_{column} tf_{column}_{side} ON tf_{column}_{side}.value = "{column}_{side}"')
    for comparison in settings["comparisons"]:
        exact = {
            x["tf_adjustment_column"]: x["u_probability"]
            for x in comparison["comparison_levels"]
            if "tf_adjustment_column" in x
        }
        cases = []
        for level in comparison["comparison_levels"]:
            if level.get("is_null_level"):
                weight = "0.0"
            else:
                weight = f"log2({level['m_probability']!r}::DOUBLE / {level['u_probability']!r}::DOUBLE)"
            if column := level.get("tf_adjustment_column"):
                weight += f" + log2({exact[column]!r}::DOUBLE / greatest(tf_{column}_l.tf, tf_{column}_r.tf))"
            condition = level["sql_condition"]
            cases.append(f"ELSE {weight}" if condition == "ELSE" else f"WHEN {condition} THEN {weight}")
        terms.append(f"CASE {' '.join(cases)} END")
    prior = settings["probability_two_random_records_match"]
    query = f"SELECT log2({prior!r}::DOUBLE / {1 - prior!r}::DOUBLE) + {' + '.join(terms)} AS score FROM pairs "
    rows = connection.execute(query + " ".join(joins) + " ORDER BY record_id_l, record_id_r")
    return np.asarray([row[0] for row in rows.fetchall()])


def test_the_exported_model_scores_every_pair_as_ours_does(scored):
    _, _, ours, _, theirs = scored
    assert len(ours) == len(theirs) == 220 * 219 // 2
    assert np.abs(ours - theirs).max() <= 1e-6


@pytest.mark.parametrize(
    ("comparison", "level"),
    [
        ("birth", "same_first_of_january"),
        ("birth", "one_digit"),
        ("birth", "day_and_month_swapped"),
        ("birth", "same_month"),
        ("birth", "same_day_of_other_year"),
        ("birth", "same_year"),
        ("surname", "former_or_alias"),
        ("surname", "swapped_with_forename"),
        ("forename", "alias"),
        ("forename", "initial"),
        ("forename", "same_family_of_names"),
        ("middle", "initial"),
        ("home", "same_uprn"),
    ],
)
def test_the_pairs_compared_show_the_level(scored, comparison, level):
    model, _, _, packed, _ = scored
    place = [c.name for c in model.comparisons].index(comparison)
    number = [x.name for x in model.comparisons[place].levels].index(level)
    assert (((packed >> (LEVEL_BITS * place)) & 15) == number).any()


def splink_scores(path, people, tables, ids):
    """Match weights that Splink itself predicts for all pairs, from a file of exported settings, in our order."""
    splink = pytest.importorskip("splink", minversion="5", reason="issue 5: splink is a peer of benchmarks only")
    connection = duckdb.connect()
    connection.register("arrow_people", null_where_unknown(people))
    connection.execute("CREATE TABLE people AS FROM arrow_people")
    api = splink.DuckDBAPI(connection=connection)
    linker = splink.Linker(api.register("people"), path)
    for column, table in tables.items():
        terms = pa.table({column: list(table), f"tf_{column}": list(table.values())})
        connection.register(f"terms_of_{column}", terms)
        linker.table_management.register_term_frequency_lookup(api.register(f"terms_of_{column}"), column)
    predicted = linker.inference.predict().as_duckdbpyrelation()
    found = {(a, b): w for a, b, w in predicted.select("record_id_l, record_id_r, match_weight").fetchall()}
    left, right = np.triu_indices(len(ids), 1)
    return np.asarray([found[ids[a], ids[b]] for a, b in zip(left, right, strict=True)])


@pytest.mark.parametrize("which", ["starting", "shipped"])
def test_splink_runs_the_exported_settings_and_predicts_our_scores(which, tmp_path):
    pytest.importorskip("splink", minversion="5", reason="issue 5: splink is a peer of benchmarks only")
    people = normalise_people(records())
    present = set(people.column_names) & {*LINKAGE_COLUMNS, "id_scro"}
    matrix = build_matrix(people, (*LINKAGE_COLUMNS, "id_scro"))
    plain = untrained_model(present) if which == "starting" else read_model().restrict(frozenset(present))
    counted = {c: count_frequencies(matrix, c, at_least=1) for c in plain.frequency_columns}
    known = {c: plain.frequencies.get(c, {}) for c in counted}
    tables = {c: {v: known[c].get(v, plain.unseen.get(c, f)) for v, f in counted[c].items()} for c in counted}
    model = replace(plain, frequencies=tables)
    left, right = (side.astype(np.int32) for side in np.triu_indices(len(matrix), 1))
    ours, _ = score_given(matrix, without_shared_rarity(model), left, right)
    path = tmp_path / "settings.json"
    settings = {**export_splink(model), "blocking_rules_to_generate_predictions": ["1=1"]}
    path.write_text(json.dumps(settings), encoding="utf-8")
    theirs = splink_scores(path, people, tables, matrix.record_ids.to_pylist())
    assert len(theirs) == 220 * 219 // 2
    assert np.abs(ours - theirs).max() <= 1e-6


def test_an_edit_distance_that_splink_counts_otherwise_is_refused():
    model = untrained_model({"sex"})
    far = Level("far", ((Condition(Operation.ALIGNMENT, "surname", "surname", 2.0),),), 0.5, 0.1)
    broken = replace(model, comparisons=(Comparison("surname", (far, *model.comparisons[0].levels)),))
    with pytest.raises(ConfigError, match="comparison surname"):
        export_splink(broken)
