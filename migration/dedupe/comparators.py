"""Similarity of two strings or two dates, compiled.

Enters: bytes of a string pool with offsets and lengths, or dates packed as YYYYMMDD. Leaves: a number.
Must hold: equal to rapidfuzz to the last digit (`tests/unit/dedupe/test_comparators.py` checks every one against it).
Refuses nothing: strings longer than 64 characters are compared by their first 64.
"""

import numpy as np

from migration.dedupe.compiled import ByteArray, compiled, compiled_inline, compiled_plain

LONGEST = 64
JARO_BOOST_FROM = 0.7
PREFIX_WEIGHT = 0.1


@compiled_inline
def jaro(chars: ByteArray, left: int, left_length: int, right: int, right_length: int) -> float:
    """Jaro similarity, 0 to 1, of two runs of bytes."""
    left_length, right_length = min(left_length, LONGEST), min(right_length, LONGEST)
    if left_length == 0 or right_length == 0:
        return 1.0 if left_length == right_length else 0.0
    window = max(max(left_length, right_length) // 2 - 1, 0)
    left_hits = np.uint64(0)
    right_hits = np.uint64(0)
    one = np.uint64(1)
    common = 0
    for i in range(left_length):
        for j in range(max(i - window, 0), min(i + window + 1, right_length)):
            bit = one << np.uint64(j)
            if right_hits & bit == 0 and chars[left + i] == chars[right + j]:
                right_hits |= bit
                left_hits |= one << np.uint64(i)
                common += 1
                break
    if common == 0:
        return 0.0
    swaps = _count_swaps(chars, left, left_length, left_hits, right, right_hits)
    return (common / left_length + common / right_length + (common - swaps // 2) / common) / 3.0


@compiled_inline
def _count_swaps(
    chars: ByteArray, left: int, left_length: int, left_hits: np.uint64, right: int, right_hits: np.uint64
) -> int:
    one = np.uint64(1)
    swaps = 0
    j = 0
    for i in range(left_length):
        if left_hits & (one << np.uint64(i)) != 0:
            while right_hits & (one << np.uint64(j)) == 0:
                j += 1
            if chars[left + i] != chars[right + j]:
                swaps += 1
            j += 1
    return swaps


@compiled_plain
def jaro_winkler(chars: ByteArray, left: int, left_length: int, right: int, right_length: int) -> float:
    """Jaro-Winkler similarity, 0 to 1: Jaro, raised by up to four equal first letters where it is above 0.7."""
    similarity = jaro(chars, left, left_length, right, right_length)
    if similarity <= JARO_BOOST_FROM:
        return similarity
    prefix = 0
    while prefix < min(4, left_length, right_length) and chars[left + prefix] == chars[right + prefix]:
        prefix += 1
    return similarity + prefix * PREFIX_WEIGHT * (1.0 - similarity)


@compiled_plain
def within_one_edit(
    chars: ByteArray, left: int, left_length: int, right: int, right_length: int, may_swap: bool
) -> bool:
    """Whether one insertion, deletion or substitution (or, if allowed, a swap of neighbours) makes them equal."""
    if abs(left_length - right_length) > 1:
        return False
    shorter = min(left_length, right_length)
    start = 0
    while start < shorter and chars[left + start] == chars[right + start]:
        start += 1
    tail = 0
    while tail < shorter - start and chars[left + left_length - 1 - tail] == chars[right + right_length - 1 - tail]:
        tail += 1
    left_rest, right_rest = left_length - start - tail, right_length - start - tail
    if left_rest <= 1 and right_rest <= 1:
        return True
    if not may_swap or left_rest != 2 or right_rest != 2:
        return False
    first, second = left + start, right + start
    return bool(chars[first] == chars[second + 1] and chars[first + 1] == chars[second])


@compiled_inline
def _places_of(chars: ByteArray, letter: int, start: int, length: int) -> np.uint64:
    """Bit i is set where the letter stands at place i of a run of bytes."""
    places = np.uint64(0)
    for place in range(length):
        if chars[start + place] == letter:
            places |= np.uint64(1) << np.uint64(place)
    return places


@compiled_plain
def edit_distance(chars: ByteArray, left: int, left_length: int, right: int, right_length: int, may_swap: bool) -> int:
    """Levenshtein distance or, with `may_swap`, optimal string alignment (no part is edited twice).

    A column of the table is two machine words: where it rises and where it falls (Myers 1999; Hyyrö 2003).
    """
    left_length, right_length = min(left_length, LONGEST), min(right_length, LONGEST)
    if left_length == 0:
        return right_length
    one = np.uint64(1)
    last = one << np.uint64(left_length - 1)
    rises, falls = ~np.uint64(0), np.uint64(0)
    equal_before = diagonal = np.uint64(0)
    distance = left_length
    for j in range(right_length):
        equal = _places_of(chars, chars[right + j], left, left_length)
        swapped = (((~diagonal) & equal) << one) & equal_before if may_swap else np.uint64(0)
        diagonal = (((equal & rises) + rises) ^ rises) | equal | falls | swapped
        up = falls | ~(diagonal | rises)
        down = diagonal & rises
        if up & last != np.uint64(0):
            distance += 1
        if down & last != np.uint64(0):
            distance -= 1
        up = (up << one) | one
        rises = (down << one) | ~(diagonal | up)
        falls = up & diagonal
        equal_before = equal
    return distance


@compiled_plain
def damerau_within(chars: ByteArray, left: int, left_length: int, right: int, right_length: int, limit: float) -> bool:
    """Whether the unrestricted Damerau-Levenshtein distance is at most `limit`, the whole table only where needed.

    It is below optimal string alignment only where letters change places with others put in between, which costs two
    edits or more; with two, the lengths differ by one and alignment needs three.
    """
    left_length, right_length = min(left_length, LONGEST), min(right_length, LONGEST)
    if limit < 2:
        return within_one_edit(chars, left, left_length, right, right_length, True)
    aligned = edit_distance(chars, left, left_length, right, right_length, True)
    if aligned <= limit:
        return True
    if limit < 3 and (aligned > 3 or abs(left_length - right_length) != 1):
        return False
    if aligned > 2 * limit:
        return False
    return damerau_distance(chars, left, left_length, right, right_length) <= limit


@compiled
def damerau_distance(chars: ByteArray, left: int, left_length: int, right: int, right_length: int) -> int:
    """Unrestricted Damerau-Levenshtein distance, as DuckDB's `damerau_levenshtein`."""
    left_length, right_length = min(left_length, LONGEST), min(right_length, LONGEST)
    far = left_length + right_length
    last_row = np.zeros(256, dtype=np.int32)
    grid = np.zeros((left_length + 2, right_length + 2), dtype=np.int32)
    grid[0, 0] = far
    for i in range(left_length + 1):
        grid[i + 1, 0] = far
        grid[i + 1, 1] = i
    for j in range(right_length + 1):
        grid[0, j + 1] = far
        grid[1, j + 1] = j
    for i in range(1, left_length + 1):
        last_column = 0
        for j in range(1, right_length + 1):
            row, column = last_row[chars[right + j - 1]], last_column
            cost = 1
            if chars[left + i - 1] == chars[right + j - 1]:
                cost = 0
                last_column = j
            swapped = grid[row, column] + (i - row - 1) + 1 + (j - column - 1)
            grid[i + 1, j + 1] = min(grid[i, j] + cost, grid[i + 1, j] + 1, grid[i, j + 1] + 1, swapped)
        last_row[chars[left + i - 1]] = i
    return int(grid[left_length + 1, right_length + 1])


@compiled_inline
def count_letters(mask: int) -> int:
    """Number of set bits of a letter mask."""
    value = mask & 0xFFFFFFFF
    value = value - ((value >> 1) & 0x55555555)
    value = (value & 0x33333333) + ((value >> 2) & 0x33333333)
    value = (value + (value >> 4)) & 0x0F0F0F0F
    return ((value * 0x01010101) & 0xFFFFFFFF) >> 24


@compiled_inline
def date_digits_differ_once(left: int, right: int) -> bool:
    """Whether two packed dates differ in one digit, or in two neighbouring digits that changed places."""
    wrong = 0
    first_wrong = -1
    first_left = first_right = second_left = second_right = 0
    neighbours = False
    for place in range(8):
        a, b = left % 10, right % 10
        left //= 10
        right //= 10
        if a != b:
            wrong += 1
            if wrong == 1:
                first_wrong, first_left, first_right = place, a, b
            elif wrong == 2:
                neighbours = place == first_wrong + 1
                second_left, second_right = a, b
            else:
                return False
    if wrong == 2:
        return bool(neighbours and first_left == second_right and first_right == second_left)
    return wrong == 1


@compiled_inline
def day_and_month_swapped(left: int, right: int) -> bool:
    """Whether the day of one packed date is the month of the other, and the reverse, in the same year."""
    return (
        left // 10000 == right // 10000
        and left % 100 == (right // 100) % 100
        and (left // 100) % 100 == right % 100
        and left != right
    )
