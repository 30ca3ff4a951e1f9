"""Compiled and shortened parts against the plain way of saying the same."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from migration.dedupe import names
from migration.dedupe.blocking import fill_ranks, number_blocks, part_blocks
from migration.dedupe.candidates import levels_given, score_given
from migration.dedupe.levels import LINKAGE_COLUMNS, untrained_model
from migration.dedupe.matrix import build_matrix, count_frequencies
from migration.dedupe.people import normalise_people
from migration.dedupe.program import frequency_table
from migration.dedupe.sorting import sort_order
from migration.dedupe.training import train_model


def people(records: int) -> pa.Table:
    generator = np.random.default_rng(5)
    surnames, forenames = ["Reid", "McKay", "Smyth", "O'Neil", "Gunn-Ross"], ["Ian", "John", "Una", "Morag"]
    years, days = generator.integers(1950, 1953, records), generator.integers(1, 4, records)
    return pa.table(
        {
            "record_id": [f"r{n:05d}" for n in range(records)],
            "surname": [surnames[n] for n in generator.integers(0, len(surnames), records)],
            "forename": [forenames[n] for n in generator.integers(0, len(forenames), records)],
            "dob": [f"{y}-01-0{d}" for y, d in zip(years, days, strict=True)],
            "postcode": [f"AB1 {n}CD" for n in generator.integers(1, 9, records)],
        }
    )


@pytest.mark.parametrize("kinds", [1, 3, 40, 10**12])
def test_blocks_are_the_records_that_share_a_key(kinds: int) -> None:
    keys = np.random.default_rng(1).integers(0, kinds, 60).astype(np.int64)
    order, starts = part_blocks(keys, sort_order(keys, np.arange(60, dtype=np.int32)))
    values, counts = np.unique(keys, return_counts=True)
    expected = [np.flatnonzero(keys == v).tolist() for v, c in zip(values, counts, strict=True) if c > 1]
    assert [order[a:b].tolist() for a, b in pairwise(starts)] == expected
    numbers = number_blocks(order, starts, np.ones(len(starts) - 1, dtype=np.bool_), 60)
    assert all((numbers[block] == place + 1).all() for place, block in enumerate(expected))
    assert np.count_nonzero(numbers) == sum(len(block) for block in expected)


def test_no_records_have_no_blocks() -> None:
    order, starts = part_blocks(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32))
    assert (len(order), starts.tolist()) == (0, [0])


def test_ranks_are_those_of_distinct_values() -> None:
    keys = np.random.default_rng(2).integers(0, 50, 200).astype(np.int64) * 10**13
    ranks = fill_ranks(keys, sort_order(keys, np.arange(200, dtype=np.int32)))
    assert ranks.tolist() == np.unique(keys, return_inverse=True)[1].tolist()


def test_levels_are_the_same_weighed_or_not_on_any_number_of_threads() -> None:
    matrix = build_matrix(normalise_people(people(300)), LINKAGE_COLUMNS)
    model = train_model(matrix, untrained_model(frozenset(LINKAGE_COLUMNS)), [])
    left, right = np.triu_indices(300, 1)
    _, expected = score_given(matrix, model, left.astype(np.int32), right.astype(np.int32))
    for threads in (1, 3):
        with ThreadPoolExecutor(threads) as pool:
            found = levels_given(matrix, model, left.astype(np.int32), right.astype(np.int32), pool)
        assert found.tolist() == expected.tolist()


def test_coding_and_training_do_not_depend_on_threads() -> None:
    alone = build_matrix(normalise_people(people(400), 1), LINKAGE_COLUMNS, 1)
    shared = build_matrix(normalise_people(people(400), 3), LINKAGE_COLUMNS, 3)
    assert np.array_equal(alone.rows, shared.rows)
    assert alone.pool.values.equals(shared.pool.values)
    untrained = untrained_model(frozenset(LINKAGE_COLUMNS))
    assert train_model(alone, untrained, [], 1).version == train_model(shared, untrained, [], 3).version


def test_weights_kept_by_training_are_those_looked_up_from_the_model() -> None:
    matrix = build_matrix(normalise_people(people(400)), LINKAGE_COLUMNS)
    model = train_model(matrix, untrained_model(frozenset(LINKAGE_COLUMNS)), [])
    kept = frequency_table(model, matrix)
    matrix.pool.logs.clear()
    assert np.array_equal(kept, frequency_table(model, matrix))
    counted = count_frequencies(matrix, "surname")
    values = matrix.pool.values.take(pa.array(matrix.column("surname") - 1)).to_pylist()
    assert counted == {v: values.count(v) / len(values) for v in sorted(set(values))}


@pytest.mark.parametrize("word", ["SCHMIDT", "PHAYRE", "AARON", "MCKKAY", "ZZZ", "OHARA", "CKQX", "WHYTE", "LLOYD"])
def test_sound_key_keeps_first_letter_and_consonants_once(word: str) -> None:
    text = word
    for written, sound in (("PH", "F"), ("GH", ""), ("CK", "K"), ("SCH", "SK"), ("Z", "S"), ("WH", "W"), ("KN", "N")):
        text = text.replace(written, sound)
    text = re.sub("[CQVXJ]", lambda m: dict(zip("CQVXJ", "KKFSG", strict=True))[m[0]], text)
    kept = text[0]
    for letter in text[1:]:
        if letter not in "AEIOUYHW" and letter != kept[-1]:
            kept += letter
    assert names.sound_key(word) == kept[:6]


def test_a_word_without_a_sound_has_no_key() -> None:
    assert names.sound_key("GH") is None


@pytest.mark.parametrize("text", ["reid", "O'Neil", "van der Berg", "", "José", "A1", "Ærø", "Mac-Kay"])
def test_words_of_plain_text_are_found_as_those_of_any_other(text: str) -> None:
    folded = names.fold_letters(text).replace("'", "").replace("’", "").replace("`", "")
    assert names.split_words(text) == [w for w in names.APART.split(folded) if w]
