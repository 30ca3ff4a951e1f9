"""Sorting by whole numbers, compiled.

Enters: one number per record, none negative. Leaves: the order that sorts them; equal numbers keep the order they had.
Must hold: time grows with the records and with the digits of the largest number only. Refuses nothing.
"""

import numpy as np

from migration.dedupe.compiled import IntArray, LongArray, compiled

DIGIT_BITS = 11


@compiled
def sort_order(keys: LongArray, members: IntArray) -> IntArray:
    """`members` in the order of `keys[member]`, by one digit of 11 bits after another, the lowest first."""
    size = len(members)
    order, other = members.copy(), np.empty_like(members)
    values, moved = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    largest = np.int64(0)
    for place in range(size):
        values[place] = keys[members[place]]
        largest = max(largest, values[place])
    shift = 0
    while shift < 63 and (largest >> shift) > 0:
        starts = np.zeros((1 << DIGIT_BITS) + 1, dtype=np.int64)
        for place in range(size):
            starts[((values[place] >> shift) & ((1 << DIGIT_BITS) - 1)) + 1] += 1
        for digit in range(1 << DIGIT_BITS):
            starts[digit + 1] += starts[digit]
        for place in range(size):
            digit = (values[place] >> shift) & ((1 << DIGIT_BITS) - 1)
            other[starts[digit]] = order[place]
            moved[starts[digit]] = values[place]
            starts[digit] += 1
        order, other = other, order
        values, moved = moved, values
        shift += DIGIT_BITS
    return order
