# ruff: noqa: S311
"""The compiled engine against plain Python, and its bounds."""

import random
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from migration.dedupe.blocking import FULL_BLOCK, WINDOW, Rule, build_blocks, content_ranks
from migration.dedupe.candidates import find_candidates, score_given
from migration.dedupe.clustering import Guards, cluster_records
from migration.dedupe.explanation import explain_pair
from migration.dedupe.files import link_records
from migration.dedupe.golden import golden_id, golden_ids
from migration.dedupe.levels import LINKAGE_COLUMNS, people_rules, untrained_model
from migration.dedupe.matrix import build_matrix
from migration.dedupe.model import model_from_json, model_to_json
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import remove_placeholders
from migration.dedupe.splink_export import export_splink
from migration.dedupe.splink_model import import_splink
from migration.dedupe.waterfall import draw_waterfall
from migration.errors import ConfigError, SourceError

SURNAMES = [
    "Reid",
    "Read",
    "MacKay",
    "McKay",
    "Smith",
    "Smyth",
    "Ross",
    "Gunn",
    "Sinclair",
    "Stewart",
    "Stuart",
    "Morrison",
    "Campbell",
    "Fraser",
    "Grant",
    "Munro",
]
FORENAMES = [
    "Hamish",
    "James",
    "Jim",
    "Morag",
    "Marion",
    "Sarah",
    "William",
    "Willie",
    "Bill",
    "Ian",
    "John",
    "Jock",
    "Una",
    "Eilidh",
    "Elizabeth",
    "Betty",
]


def invented(count: int, seed: int = 3) -> pa.Table:
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        rows.append(
            {
                "record_id": f"n{number:05d}",
                "forename": generator.choice(FORENAMES),
                "middle": generator.choice([*FORENAMES, None, None]),
                "surname": generator.choice(SURNAMES),
                "former_surname": generator.choice([None, None, None, *SURNAMES]),
                "dob": generator.choice(
                    [
                        f"19{generator.randint(60, 63)}-0{generator.randint(1, 3)}-1{generator.randint(0, 3)}",
                        None,
                        "1961",
                    ]
                ),
                "sex": generator.choice(["M", "F", None]),
                "postcode": generator.choice(["AB10 1AA", "AB10 1AB", "AB11 5XY", "DD1 4HG", None]),
                "place_of_birth": generator.choice(["Wick", "Thurso", "Thursoe", None]),
                "phone": generator.choice(["01382555017", "01382555018", None]),
                "id_scro": generator.choice(["S100", "S101", None, None]),
            }
        )
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def world():
    people = normalise_people(invented(400))
    matrix = build_matrix(people, (*LINKAGE_COLUMNS, "id_scro"))
    present = frozenset(people.column_names) & frozenset(matrix.columns)
    return matrix, untrained_model(present), people_rules(present)


def test_kernel_scores_equal_the_plain_explanation(world):
    matrix, model, _ = world
    generator = np.random.default_rng(1)
    left, right = generator.integers(0, len(matrix), 800), generator.integers(0, len(matrix), 800)
    keep = left < right
    scores, _ = score_given(matrix, model, left[keep], right[keep])
    ids = matrix.record_ids.to_pylist()
    for a, b, score in zip(left[keep], right[keep], scores, strict=True):
        assert explain_pair(matrix, model, ids[a], ids[b]).score == pytest.approx(score, abs=1e-9)


def test_bounds_drop_no_pair_that_full_comparison_keeps(world):
    matrix, model, rules = world
    found = find_candidates(matrix, model, rules, 2).pairs
    scores, levels = score_given(matrix, model, found.left, found.right)
    assert np.array_equal(scores, found.scores)
    assert np.array_equal(levels, found.levels)
    kept = set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    expected = set()
    for rule in rules:
        keys = np.column_stack([matrix.column(c) for c in rule.columns])
        for i in range(len(matrix)):
            if keys[i].all():
                same = np.flatnonzero((keys == keys[i]).all(axis=1))
                expected |= {(i, int(j)) for j in same if j > i}
    pairs = np.asarray(sorted(expected))
    every, _ = score_given(matrix, model, pairs[:, 0], pairs[:, 1])
    assert kept == {tuple(p) for p in pairs[every >= model.thresholds.floor].tolist()}


def test_find_candidates_is_the_same_for_any_number_of_threads(world):
    matrix, model, rules = world
    one, two = (find_candidates(matrix, model, rules, threads).pairs for threads in (1, 2))
    assert np.array_equal(one.left, two.left)
    assert np.array_equal(one.scores, two.scores)
    assert np.array_equal(one.rules, two.rules)


def test_a_value_shared_by_all_costs_a_window_per_record():
    records = pa.table(
        {"record_id": [f"{n:05d}" for n in range(FULL_BLOCK * 4)], "surname": ["Reid"] * (FULL_BLOCK * 4)}
    )
    matrix = build_matrix(normalise_people(records), LINKAGE_COLUMNS)
    rule = Rule("surname", ("surname",))
    blocks = build_blocks(matrix, rule, content_ranks(matrix, ["surname"]))
    assert blocks.pairs == FULL_BLOCK * 4 * WINDOW
    found = find_candidates(matrix, untrained_model({"surname"}), [rule], 1)
    assert found.compared <= blocks.pairs


@pytest.mark.parametrize("full_block", [FULL_BLOCK, 12, 3])
def test_candidates_of_records_that_join_equal_those_of_all_at_once(world, full_block):
    matrix, model, rules = world
    rules = [replace(r, full_block=full_block) for r in rules]
    whole = find_candidates(matrix, model, rules, 2).pairs
    new = np.zeros(len(matrix), np.bool_)
    new[::5] = True
    first = build_matrix(normalise_people(invented(400).filter(pa.array(~new))), list(matrix.columns))
    before = find_candidates(first, model, rules, 1)
    old = before.pairs
    places = np.flatnonzero(~new).astype(np.int32)
    earlier = replace(old, left=places[old.left], right=places[old.right])
    for reports in (before.reports, ()):  # told which rules had large blocks, or not
        joined = find_candidates(matrix, model, rules, 2, new, earlier, reports)
        assert 0 < joined.reused < len(whole)
        for part in ("left", "right", "scores", "levels", "rules"):
            assert np.array_equal(getattr(joined.pairs, part), getattr(whole, part)), part


def test_golden_ids_of_many_are_those_of_each():
    ids = pa.array([f"n{number:03d}" for number in range(300)])
    heads = np.asarray([number // 3 * 3 for number in range(300)], dtype=np.int32)
    assert golden_ids(ids, heads).to_pylist() == [golden_id(f"n{head:03d}") for head in heads]


def test_linking_new_records_finds_every_pair_that_has_one(world):
    matrix, model, rules = world
    whole = find_candidates(matrix, model, rules, 1).pairs
    new = np.zeros(len(matrix), np.bool_)
    new[::7] = True
    part = find_candidates(matrix, model, rules, 1, new).pairs
    wanted = whole.take(new[whole.left] | new[whole.right])
    assert np.array_equal(part.left, wanted.left)
    assert np.array_equal(part.scores, wanted.scores)


def test_every_pair_inside_a_cluster_is_supported_and_no_veto_holds(world):
    matrix, model, rules = world
    clusters = cluster_records(matrix, model, find_candidates(matrix, model, rules, 1).pairs, Guards(), 1)
    ids = matrix.record_ids.to_pylist()
    inside = [(i, j) for i in range(len(ids)) for j in range(i + 1, len(ids)) if clusters.of[i] == clusters.of[j]]
    assert inside
    for i, j in inside:
        explanation = explain_pair(matrix, model, ids[i], ids[j])
        assert explanation.score >= model.thresholds.support
        assert not explanation.vetoes


def test_cluster_records_when_judged_together_or_apart_obeys(world):
    matrix, model, rules = world
    pairs = find_candidates(matrix, model, rules, 1).pairs
    before = cluster_records(matrix, model, pairs, Guards(), 1).of
    linked = next((i, j) for i in range(400) for j in range(i + 1, 400) if before[i] == before[j])
    other = next((i, j) for i in range(400) for j in range(i + 1, 400) if before[i] != before[j])
    guards = Guards(together=np.asarray([other[0] * 400 + other[1]]), apart=np.asarray([linked[0] * 400 + linked[1]]))
    after = cluster_records(matrix, model, pairs, guards, 1).of
    assert after[linked[0]] != after[linked[1]]
    assert after[other[0]] == after[other[1]]


def test_model_written_and_read_again_has_the_same_version(world):
    _, model, _ = world
    assert model_from_json(model_to_json(model), "test").version == model.version


def test_model_with_an_unknown_operation_is_refused(world):
    raw = model_to_json(world[1])
    raw["comparisons"][0]["levels"][0]["when"][0][0]["operation"] = "guess"
    with pytest.raises(ConfigError, match="complete model"):
        model_from_json(raw, "test")


SPLINK = {
    "probability_two_random_records_match": 0.001,
    "comparisons": [
        {
            "output_column_name": "surname",
            "comparison_levels": [
                {
                    "sql_condition": '"surname_l" IS NULL OR "surname_r" IS NULL',
                    "is_null_level": True,
                    "label_for_charts": "missing",
                },
                {
                    "sql_condition": '"surname_l" = "surname_r"',
                    "label_for_charts": "same",
                    "m_probability": 0.8,
                    "u_probability": 0.01,
                },
                {
                    "sql_condition": 'jaro_winkler_similarity("surname_l", "surname_r") >= 0.9',
                    "label_for_charts": "close",
                    "m_probability": 0.15,
                    "u_probability": 0.04,
                },
                {
                    "sql_condition": "ELSE",
                    "label_for_charts": "different",
                    "m_probability": 0.05,
                    "u_probability": 0.95,
                },
            ],
        }
    ],
}


def test_a_splink_model_survives_import_and_export():
    model = import_splink(SPLINK)
    again = import_splink(export_splink(model))
    assert again.version == model.version
    assert [level.name for level in model.comparisons[0].levels] == ["missing", "same", "close", "different"]


def test_a_splink_level_without_counterpart_is_refused():
    raw = {
        "comparisons": [
            {
                "output_column_name": "x",
                "comparison_levels": [
                    {"sql_condition": "soundex(x_l) = soundex(x_r)", "m_probability": 0.5, "u_probability": 0.5}
                ],
            }
        ]
    }
    with pytest.raises(ConfigError, match="comparison x"):
        import_splink(raw)


def test_build_matrix_when_a_key_is_doubled_refuses():
    with pytest.raises(SourceError, match="1 with the key of another"):
        build_matrix(pa.table({"record_id": ["a", "a"], "surname": ["X", "Y"]}), ["surname"])


def test_link_records_does_not_depend_on_row_order():
    records = invented(150)
    first = link_records(records, 1)
    second = link_records(records.take(pa.array(list(range(149, -1, -1)))), 2)
    assert first.model.version == second.model.version
    assert first.golden.equals(second.golden)


def test_default_dates_are_learned_per_source_and_real_ones_kept():
    dates = [f"19{y:02d}-{m:02d}-{d:02d}" for y in range(50, 90) for m in (1, 5, 9) for d in (1, 7, 21)]
    rows = [{"record_id": f"{n:05d}", "source": "D", "dob": d} for n, d in enumerate(dates)]
    rows += [{"record_id": f"j{n:05d}", "source": "D", "dob": "1900-01-01"} for n in range(60)]
    rows += [{"record_id": "keep", "source": "N", "dob": "1900-01-01"}]
    people, found = remove_placeholders(normalise_people(pa.Table.from_pylist(rows)))
    assert [(p.source, p.column, p.rule, p.values, p.records) for p in found] == [("D", "dob", "default_date", 1, 60)]
    kept = dict(zip(people["record_id"].to_pylist(), people["dob"].to_pylist(), strict=True))
    assert kept["keep"] == 19000101
    assert kept["j00001"] == 0
    assert kept["00000"] == 19500101


def test_an_address_shared_by_many_says_nothing():
    rows = [
        {"record_id": f"{n:05d}", "surname": f"NAME{chr(65 + n % 26)}{chr(65 + n // 26)}", "postcode": "AB10 1AA"}
        for n in range(200)
    ]
    people, found = remove_placeholders(normalise_people(pa.Table.from_pylist(rows)))
    assert people["postcode"].null_count == 200
    assert people["postcode_outward"].null_count == 200
    assert found[0].rule == "shared_by_many"


def test_the_waterfall_names_levels_and_no_value(world):
    matrix, model, _ = world
    explanation = explain_pair(matrix, model, "n00001", "n00002", "one golden nominal")
    svg = draw_waterfall(explanation)
    assert svg.startswith("<svg")
    assert svg.endswith("</svg>")
    assert not any(
        name.upper() in (svg + explanation.to_text() + explanation.to_json()).upper().replace("GRANTED", "")
        for name in SURNAMES
    )
