# ruff: noqa: S311
"""Compiled comparators against rapidfuzz, which is the oracle."""

import random

import numpy as np
import pytest
from rapidfuzz.distance import OSA, DamerauLevenshtein, Jaro, JaroWinkler, Levenshtein

from migration.dedupe import comparators
from migration.dedupe.conditions import _date_test
from migration.dedupe.explanation import _date_holds
from migration.dedupe.model import Condition, Operation
from migration.dedupe.program import OPERATION_NUMBERS

NAMES = [
    "MCDONALD",
    "MACDONALD",
    "SMITH",
    "SMYTHE",
    "REID",
    "ROBERTSON",
    "ROBINSON",
    "O",
    "OA",
    "AO",
    "ANNA",
    "ANNAN",
    "NANA",
]


def word_pairs(count: int) -> list[tuple[str, str]]:
    generator = random.Random(5)
    pairs = [(a, b) for a in NAMES for b in NAMES]
    for _ in range(count):
        base = "".join(generator.choice("ABCDE") for _ in range(generator.randint(1, 12)))
        other = list(base)
        for _ in range(generator.randint(0, 4)):
            place = generator.randrange(len(other) + 1)
            action = generator.randrange(3)
            if action == 0:
                other.insert(place, generator.choice("ABCDEF"))
            elif other and action == 1:
                other.pop(min(place, len(other) - 1))
            elif len(other) > 1:
                at = min(place, len(other) - 2)
                other[at], other[at + 1] = other[at + 1], other[at]
        if other:
            pairs.append((base, "".join(other)))
    return pairs


def run(function, left: str, right: str, *more):
    chars = np.frombuffer((left + right).encode(), dtype=np.uint8)
    return function(chars, 0, len(left), len(left), len(right), *more)


PAIRS = word_pairs(4000)


@pytest.mark.parametrize(
    ("ours", "oracle"),
    [(comparators.jaro, Jaro.similarity), (comparators.jaro_winkler, JaroWinkler.similarity)],
    ids=["jaro", "jaro_winkler"],
)
def test_similarity_equals_rapidfuzz(ours, oracle):
    for left, right in PAIRS:
        assert run(ours, left, right) == pytest.approx(oracle(left, right), abs=1e-12), (left, right)


def test_edit_distances_equal_rapidfuzz():
    for left, right in PAIRS:
        assert run(comparators.edit_distance, left, right, False) == Levenshtein.distance(left, right)
        assert run(comparators.edit_distance, left, right, True) == OSA.distance(left, right)
        assert run(comparators.damerau_distance, left, right) == DamerauLevenshtein.distance(left, right)


def test_damerau_within_equals_rapidfuzz_for_every_limit():
    swapped_around = [("CA", "ABC"), ("ABCD", "BDAC"), ("19610419", "19614019"), ("ROSS", "SRO"), ("A" * 70, "B" * 70)]
    for left, right in (*PAIRS, *swapped_around):
        for limit in range(1, 6):
            expected = DamerauLevenshtein.distance(left[:64], right[:64]) <= limit
            assert run(comparators.damerau_within, left, right, limit) == expected, (left, right, limit)


def test_within_one_edit_equals_rapidfuzz():
    for left, right in PAIRS:
        assert run(comparators.within_one_edit, left, right, False) == (Levenshtein.distance(left, right) <= 1)
        assert run(comparators.within_one_edit, left, right, True) == (OSA.distance(left, right) <= 1)


def test_count_letters_counts_bits():
    for mask in (0, 1, 5, 0x7FFFFFFF, -1, -2147483648):
        assert comparators.count_letters(mask) == (mask & 0xFFFFFFFF).bit_count()


@pytest.mark.parametrize(
    ("operation", "at"),
    [
        (Operation.DATE_DIGIT, 0),
        (Operation.DATE_SWAPPED, 0),
        (Operation.DATE_MONTH, 0),
        (Operation.DATE_DAY, 0),
        (Operation.DATE_YEARS, 1),
        (Operation.DATE_YEARS, 10),
        (Operation.DATE_NEW_YEAR, 0),
    ],
)
def test_date_tests_equal_their_plain_form(operation, at):
    generator = random.Random(9)
    dates = [19610101, 19610419, 19611904, 19610149, 19600419, 19610420, 19610000, 19600000, 19160419, 19710419]
    dates += [
        generator.randint(1900, 2010) * 10000 + generator.randint(1, 12) * 100 + generator.randint(1, 28)
        for _ in range(60)
    ]
    condition = Condition(operation, "dob", "dob", at)
    found = {(a, b): _date_test(OPERATION_NUMBERS[operation], a, b, at) for a in dates for b in dates}
    assert all(answer == _date_holds(condition, a, b) for (a, b), answer in found.items())
    assert any(found.values())
    assert not all(found.values())
