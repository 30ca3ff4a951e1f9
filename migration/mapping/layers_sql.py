"""A query in layers, each naming what the next one reads.

Enters: SQL expressions over the columns of a layer. Leaves: one nested SELECT. Must hold: the same expression in the
same layer gets one column, so nothing is worked out twice; a join adds columns and never rows.
"""

from dataclasses import dataclass, field

from migration.mapping.literals import name


@dataclass
class Layer:
    """One SELECT: all columns of the layer beneath, further ones, and left joins."""

    columns: dict[str, str] = field(default_factory=dict)
    joins: list[str] = field(default_factory=list)


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
        text = f"LEFT JOIN {relation} AS {alias} ON {condition}"
        layer = self.layer(level)
        if text not in layer.joins:
            layer.joins.append(text)

    def relation(self) -> str:
        """All layers as one parenthesised relation."""
        sql = self.base
        for layer in self.layers:
            columns = "".join(f", {value} AS {key}" for key, value in layer.columns.items())
            joins = "".join(f" {join}" for join in layer.joins)
            sql = f"(SELECT p.*{columns}\nFROM {sql} AS p{joins})"
        return sql

    @property
    def top(self) -> int:
        """Level that may read every column."""
        return len(self.layers)
