"""Pairs weighed against relatives: what is learned, and what it changes."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from migration.dedupe.candidates import Pairs, score_given
from migration.dedupe.clustering import Guards, cluster_records
from migration.dedupe.explanation import explain_pair
from migration.dedupe.files import link_records
from migration.dedupe.model import model_from_json, model_to_json


@pytest.fixture(scope="module")
def linked(families):
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


def test_a_table_where_everybody_lives_alone_teaches_nothing_of_relatives(families):
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


def joins(linked, i, j, cohesion):
    """Whether two records alone are joined where a mean weight of `cohesion` joins."""
    rows = np.asarray([i, j])
    matrix = replace(
        linked.matrix, record_ids=linked.matrix.record_ids.take(pa.array(rows)), rows=linked.matrix.rows[rows]
    )
    model = replace(linked.model, thresholds=replace(linked.model.thresholds, cohesion=cohesion))
    numbers = np.asarray([0, 1], dtype=np.int32)
    pair = Pairs(numbers[:1], numbers[1:], np.asarray([99.0]), np.zeros(1, np.int64), np.ones(1, np.int32))
    return bool(np.equal(*cluster_records(matrix, model, pair, Guards(), 1).of))


def test_what_counts_in_an_explanation_is_what_counts_when_golden_nominals_are_formed(linked):
    ids = linked.matrix.record_ids.to_pylist()
    seen = set()
    for i, j in combinations(range(12), 2):  # two homes: all of one surname, two copies of each person
        explained = explain_pair(linked.matrix, linked.model, ids[i], ids[j])
        seen.add((bool(explained.vetoes), bool(explained.cautions)))
        if explained.counted is None:
            assert not joins(linked, i, j, linked.model.thresholds.lowest)
        else:
            assert joins(linked, i, j, explained.counted - 1e-6)
            assert not joins(linked, i, j, explained.counted + 1e-6)
        seen.add(explained.counted is None)
    assert {(False, False), (False, True), True, False} <= seen
