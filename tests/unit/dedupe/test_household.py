"""Pairs weighed against relatives: what is learned, and what it changes."""

import random
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from migration.dedupe.candidates import score_given
from migration.dedupe.explanation import explain_pair
from migration.dedupe.files import link_records
from migration.dedupe.model import model_from_json, model_to_json

FORENAMES = [
    a + b for a in ("HAM", "UN", "MOR", "CAL", "STRU", "ISL", "ROR", "FION") for b in ("ISH", "A", "UM", "AN", "IE")
]

LETTERS = "ABDEFGHJLN"


def families(homes: int, members: int, seed: int = 5) -> tuple[pa.Table, pa.Array]:
    """Homes of one surname, postcode and place of birth, `members` people each, each recorded twice."""
    generator = random.Random(seed)  # noqa: S311
    rows, truth = [], []
    for home in range(homes):
        surname = "".join(generator.choice("BCDFGHKLMNPRST") + generator.choice("AEIOU") for _ in range(4))
        forenames = generator.sample(FORENAMES, members)
        for member in range(members):
            born = f"{generator.randint(1940, 2000)}-{generator.randint(1, 12):02d}-{generator.randint(1, 28):02d}"
            for copy in range(2):
                rows.append(
                    {
                        "record_id": f"{home:04d}-{member}-{copy}",
                        "forename": forenames[member],
                        "surname": surname,
                        "dob": born if generator.random() < 0.9 else None,
                        "postcode": f"AB{home % 20 + 1} 1{LETTERS[home % 10]}{LETTERS[home // 10 % 10]}",
                        "place_of_birth": f"TOWN{home % 40}",
                    }
                )
                truth.append(f"{home}-{member}")
    return pa.Table.from_pylist(rows), pa.array(truth)


@pytest.fixture(scope="module")
def linked():
    records, truth = families(200, 3)
    return link_records(records, 1, None, truth)


def test_relatives_are_learned_to_share_a_place_of_birth_and_nothing_personal(linked):
    household = linked.model.household
    assert household is not None
    strangers = {
        level.name: level.u for c in linked.model.comparisons if c.name == "place_of_birth" for level in c.levels
    }
    assert household.chances["place_of_birth"]["same"] > 0.8 > 10 * strangers["same"]
    assert household.chances["forename"]["same"] < 0.2
    assert not {"surname", "home"} & set(household.chances)
    assert -4 < household.prior < 1


def test_relatives_without_a_date_of_birth_stay_apart_and_people_are_found(linked):
    assert linked.evaluation.pair_precision.value >= 0.995
    assert linked.evaluation.cluster_precision.value >= 0.99
    assert linked.evaluation.pair_recall.value >= 0.9


def test_a_table_where_everybody_lives_alone_teaches_nothing_of_relatives():
    records, _ = families(200, 1)
    assert link_records(records, 1).model.household is None


def test_the_score_against_relatives_is_explained_as_the_kernel_computes_it(linked):
    between = linked.model.against_relatives()
    assert between is not None
    left, right = np.asarray([0, 0, 2], np.int32), np.asarray([1, 2, 5], np.int32)
    scores, _ = score_given(linked.matrix, between, left, right)
    ids = linked.matrix.record_ids.to_pylist()
    for i, j, score in zip(left, right, scores, strict=True):
        explanation = explain_pair(linked.matrix, linked.model, ids[i], ids[j])
        assert explanation.score_between_relatives == pytest.approx(score, abs=1e-9)
        assert "against two relatives" in explanation.to_text()


def test_households_survive_writing_and_reading_and_change_the_version(linked):
    again = model_from_json(model_to_json(linked.model), "test")
    assert again.version == linked.model.version
    assert again.household == linked.model.household
    assert replace(again, household=None).version != again.version
