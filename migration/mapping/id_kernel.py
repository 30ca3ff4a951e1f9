"""Record ids of whole columns of keys: SHA-256, sixteen keys at a time.

Enters: keys as an Arrow column and the text before them. Leaves: the first 32 hex characters of each SHA-256. Must
hold: an id is that of `keys.record_id` for the same key (a test compares them). Refuses: nothing; a key that with the
text before it does not fit one block of 55 bytes is hashed by itself.

The rounds are written as operations on vectors of sixteen words, one of each key, which LLVM turns into what the
processor has. Source: FIPS 180-4, sections 4.1.2, 5.1.1 and 6.2.2.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from migration.mapping.keys import ID_LENGTH, UNIT
from migration.row_hash import DIGITS, fixed_texts

Bytes = NDArray[np.uint8]
LANES = 16
BLOCK, MOST_BYTES = 64, 55
WORDS = ir.VectorType(ir.IntType(32), LANES)


def _first_bits(root: int, count: int) -> list[int]:
    """The first 32 bits of the fractions of a root (2 or 3) of the first primes, as the standard defines them."""
    primes: list[int] = []
    number = 2
    while len(primes) < count:
        if all(number % p for p in primes):
            primes.append(number)
        number += 1
    return [_integer_root(p << (32 * root), root) & 0xFFFFFFFF for p in primes]


def _integer_root(number: int, root: int) -> int:
    low, high = 0, 1 << 64
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**root <= number else (low, middle - 1)
    return low


STARTS, ROUNDS = _first_bits(2, 8), _first_bits(3, 64)


def _make_compress(_context: Any, blocks: Any, state: Any) -> Any:
    """Compile `_compress(blocks, state)`: 16 words of 16 keys in, 8 words of 16 keys out, word by word."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        places = []
        for kind, argument in zip(signature.args, arguments, strict=True):
            array = context.make_array(kind)(context, builder, argument)
            places.append(builder.bitcast(array.data, WORDS.as_pointer()))
        message = [builder.load(_at(builder, places[0], i), align=4) for i in range(16)]
        for number, word in enumerate(_rounds(builder, message)):
            builder.store(word, _at(builder, places[1], number), align=4)
        return context.get_dummy_value()

    return types.void(blocks, state), generate


_compress: Any = intrinsic(_make_compress)


def _at(builder: Any, place: Any, number: int) -> Any:
    return builder.gep(place, [ir.Constant(ir.IntType(64), number)])


def _same(number: int) -> Any:
    return ir.Constant(WORDS, [number] * LANES)


def _rounds(builder: Any, message: list[Any]) -> list[Any]:
    turn = _turner(builder)
    add, xor, both = builder.add, builder.xor, builder.and_
    a, b, c, d, e, f, g, h = starts = [_same(s) for s in STARTS]
    for number in range(64):
        if number >= 16:
            before, near = message[number - 15], message[number - 2]
            small = xor(xor(turn(before, 7), turn(before, 18)), builder.lshr(before, _same(3)))
            large = xor(xor(turn(near, 17), turn(near, 19)), builder.lshr(near, _same(10)))
            message.append(add(add(message[number - 16], small), add(message[number - 7], large)))
        chosen = xor(both(e, xor(f, g)), g)
        mixed = add(add(h, xor(xor(turn(e, 6), turn(e, 11)), turn(e, 25))), chosen)
        first = add(mixed, add(message[number], _same(ROUNDS[number])))
        most = xor(both(a, b), both(c, xor(a, b)))
        second = add(xor(xor(turn(a, 2), turn(a, 13)), turn(a, 22)), most)
        a, b, c, d, e, f, g, h = add(first, second), a, b, c, add(d, first), e, f, g
    return [add(word, start) for word, start in zip((a, b, c, d, e, f, g, h), starts, strict=True)]


def _turner(builder: Any) -> Callable[[Any, int], Any]:
    def turn(word: Any, bits: int) -> Any:
        return builder.or_(builder.lshr(word, _same(bits)), builder.shl(word, _same(32 - bits)))

    return turn


@njit(cache=True, nogil=True)
def _hash_keys(prefix: Bytes, data: Bytes, offsets: NDArray[np.int32], digits: Bytes, out: Bytes) -> None:
    """Ids of keys that fit one block with the prefix; places of others are left as they are."""
    rows, lead = len(offsets) - 1, len(prefix)
    block = np.zeros(64, np.uint8)
    blocks, state = np.zeros((16, 16), np.uint32), np.zeros((8, 16), np.uint32)
    block[:lead] = prefix
    for begin in range(0, rows, 16):
        some = min(16, rows - begin)
        for lane in range(some):
            at, end = offsets[begin + lane], offsets[begin + lane + 1]
            size = lead + end - at
            if size > 55:
                continue
            for i in range(end - at):
                block[lead + i] = data[at + i]
            block[size] = 0x80
            for i in range(size + 1, 64):
                block[i] = 0
            block[62], block[63] = (size * 8) >> 8, (size * 8) & 0xFF
            for word in range(16):
                i = word * 4
                blocks[word, lane] = (
                    (np.uint32(block[i]) << np.uint32(24))
                    | (np.uint32(block[i + 1]) << np.uint32(16))
                    | (np.uint32(block[i + 2]) << np.uint32(8))
                    | np.uint32(block[i + 3])
                )
        _compress(blocks, state)
        for lane in range(some):
            for word in range(4):
                value, to = state[word, lane], (begin + lane) * 32 + word * 8
                for place in range(8):
                    out[to + place] = digits[(value >> np.uint32(28 - 4 * place)) & np.uint32(15)]


def record_ids(division: str, system: str, table: str, keys: pa.Array) -> pa.Array:
    """The record id of each key; none of them may be absent."""
    prefix = UNIT.join((division, system, table, "")).encode()
    _valid, offsets, data = keys.buffers()
    rows = len(keys)
    if not rows:
        return pa.array([], pa.string())
    places = np.frombuffer(offsets, np.int32)[keys.offset : keys.offset + rows + 1]
    held = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    out = np.zeros(rows * ID_LENGTH, np.uint8)
    if len(prefix) <= MOST_BYTES:
        _hash_keys(np.frombuffer(prefix, np.uint8), held, places, DIGITS, out)
    for row in np.flatnonzero(np.diff(places) + len(prefix) > MOST_BYTES):
        text = hashlib.sha256(prefix + held[places[row] : places[row + 1]].tobytes()).hexdigest()[:ID_LENGTH]
        out[row * ID_LENGTH : (row + 1) * ID_LENGTH] = np.frombuffer(text.encode(), np.uint8)
    return fixed_texts(out, ID_LENGTH)
