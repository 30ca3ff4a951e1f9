"""A query in layers, each naming what the next one reads.

Enters: SQL expressions over the columns of a layer. Leaves: one nested SELECT. Must hold: the same expression in the
same layer gets one column, so nothing is worked out twice; a join adds columns and never rows. A part of the layers
gives the values that the whole gives (`Query.needs`).
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from migration.mapping.literals import name

_QUOTED = r'"((?:[^"]|"")+)"'
_HELD = re.compile(r'"(_c(\d+)_\d+)"')
_RAW = re.compile(rf"\bp\.{_QUOTED}")


@dataclass
class Layer:
    """One SELECT: all columns of the layer beneath, further ones, and left joins."""

    columns: dict[str, str] = field(default_factory=dict)
    joins: dict[str, str] = field(default_factory=dict)

    def joins_of(self, sql: str) -> Iterator[str]:
        """Aliases of the joins whose columns an expression reads."""
        return (alias for alias in self.joins if f"{alias}." in sql)


@dataclass(frozen=True)
class Value:
    """SQL of a value and of its error code, over the columns of a layer.

    Attributes:
        level: number of the layer whose SELECT may use them.
        error: None where there can be no error.
        repaired: SQL of whether the text was repaired; None where it cannot be.
    """

    sql: str
    level: int
    error: str | None = None
    repaired: str | None = None


@dataclass(frozen=True)
class Needs:
    """What expressions rest on: columns of the layers, and columns of the base by their plain names."""

    held: frozenset[str]
    base: frozenset[str]


class Query:
    """The layers of one record's query, in the making. Layer 0 selects from `base`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.layers: list[Layer] = []
        self._names: dict[tuple[int, str], str] = {}

    def layer(self, level: int) -> Layer:
        """The layer of a level, made where it is not there yet."""
        while len(self.layers) <= level:
            self.layers.append(Layer())
        return self.layers[level]

    def column(self, sql: str, level: int) -> Value:
        """A column of layer `level` that holds `sql`; to be read from the layer above on."""
        known = self._names.get((level, sql))
        if known is None:
            known = name(f"_c{level}_{len(self.layer(level).columns)}")
            self.layer(level).columns[known] = sql
            self._names[level, sql] = known
        return Value(known, level + 1)

    def settle(self, value: Value) -> Value:
        """The same value, held in columns of its layer so that it can be used many times above."""
        held = self.column(value.sql, value.level)
        error = None if value.error is None else self.column(value.error, value.level).sql
        repaired = None if value.repaired is None else self.column(value.repaired, value.level).sql
        return Value(held.sql, held.level, error, repaired)

    def join(self, relation: str, alias: str, condition: str, level: int) -> None:
        """Left join a relation in a layer; it must not have more than one row to a row."""
        self.layer(level).joins[alias] = f"LEFT JOIN {relation} AS {alias} ON {condition}"

    def relation(self, base: str | None = None, needs: Needs | None = None) -> str:
        """All layers as one parenthesised relation, or those columns and joins that are needed, over another base."""
        sql = self.base if base is None else base
        for layer in self.layers:
            columns = {k: v for k, v in layer.columns.items() if needs is None or k in needs.held}
            joins: Collection[str] = layer.joins
            if needs is not None:
                joins = {alias for value in columns.values() for alias in layer.joins_of(value)}
            if columns or needs is None:
                listed = "".join(f", {value} AS {key}" for key, value in columns.items())
                joined = "".join(f" {join}" for alias, join in layer.joins.items() if alias in joins)
                sql = f"(SELECT p.*{listed}\nFROM {sql} AS p{joined})"
        return sql

    def needs(self, expressions: Iterable[str], given: Collection[str] = ()) -> Needs:
        """What expressions above the layers rest on, by way of columns and joins.

        Args:
            given: columns of the layers, quoted, that the base is to hold itself.
        """
        held: set[str] = set()
        base: set[str] = set()
        waiting = list(expressions)
        while waiting:
            sql = waiting.pop()
            base |= {raw.replace('""', '"') for raw in _RAW.findall(sql) if not _HELD.fullmatch(f'"{raw}"')}
            for plain, level in _HELD.findall(sql):
                column = f'"{plain}"'
                if column in given:
                    base.add(plain)
                elif column not in held:
                    held.add(column)
                    layer = self.layers[int(level)]
                    value = layer.columns[column]
                    waiting += [value, *(layer.joins[alias] for alias in layer.joins_of(value))]
        return Needs(frozenset(held), frozenset(base))
