"""Comparison of two extracts of one source table.

Enters: two extracts (Parquet, CSV, XML or JSON Lines) and the key that names a record in both. Leaves: a
`ContractReport`. Must hold: the order of rows makes no difference. Refuses: a key that is not in both extracts.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from migration.duck import open_session
from migration.errors import ConfigError
from migration.extract.contract import Bounds, ContractReport, Finding, FindingName, Severity, grade
from migration.extract.extracts import open_extract
from migration.extract.reader import SOURCE_ROW
from migration.fingerprint import quote, row_hash_sql
from migration.settings import Settings

SIDES = ("old", "new")
MOST = 0.5
"""Share of its identifying columns that must differ before a key is held to stand for another record."""
ENOUGH_VOTES = 2
"""Identifying values a row must share with another key's former row before it is held to be that row. Where a table
has fewer such columns, a corrected text cannot be told from a key reused: that warns and does not stop."""


def compare_extracts(
    settings: Settings, old: Path, new: Path, key: Sequence[str], bounds: Bounds | None = None, record: str = ""
) -> ContractReport:
    """How the extract `new` differs from `old`, record by record under `key`.

    Args:
        old, new: files of the same table: Parquet, CSV, XML or JSON Lines.
        key: columns that name a record in both; an attribute of an XML record with or without its `@`.
        record: tag of a record, of XML documents that hold several kinds.

    Raises:
        ConfigError: a key column is not in both extracts.
        SourceError: a file is missing or cannot be read.
    """
    with open_session(settings) as connection:
        pairs = list(zip(SIDES, (old, new), strict=True))
        columns = {side: open_extract(connection, side, path, record) for side, path in pairs}
        named = [k if k in columns["old"] else f"@{k}" if f"@{k}" in columns["old"] else k for k in key]
        for side, path in pairs:
            _check_key(path, columns[side], named)
        return _Comparison(connection, columns, named, bounds or Bounds()).report()


def _check_key(path: Path, columns: dict[str, str], key: Sequence[str]) -> None:
    missing = [k for k in key if k not in columns]
    if missing or not key:
        fix = f"Name columns of the extract: {', '.join(columns)}."
        raise ConfigError(f"extract {path.name}", f"no key column {', '.join(missing)}", "every key column", fix)


class _Comparison:
    """Two extracts as relations `old` and `new` of one session, brought together by key.

    `old_keys` and `new_keys` hold one row a key (`k`, its shared columns, `contents`: different rows it stands for);
    `pairs` holds the keys known to both that stand for one row in each, with columns `o_<name>` and `n_<name>`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: dict[str, dict[str, str]],
        key: Sequence[str],
        bounds: Bounds,
    ) -> None:
        self.connection, self.columns, self.bounds = connection, columns, bounds
        fixed = {*key, SOURCE_ROW}
        self.shared = [c for c in columns["old"] if c in columns["new"] and c not in fixed]
        text = " || chr(31) || ".join(f"{quote(k)}::VARCHAR" for k in key)
        for side in SIDES:
            self._gather_keys(side, text)
        connection.execute(
            "CREATE TEMP TABLE pairs AS SELECT * EXCLUDE (contents) FROM old_keys "
            "JOIN (SELECT * RENAME (contents AS c) FROM new_keys) USING (k) WHERE contents = 1 AND c = 1"
        )
        self.rows = {side: self.count(f"SELECT count(*) FROM {side}") for side in SIDES}
        self.keys = {side: self.count(f"SELECT count(*) FROM {side}_keys") for side in SIDES}
        self.known = self.count("SELECT count(*) FROM pairs")
        self.gone = self.count("SELECT count(*) FROM old_keys ANTI JOIN new_keys USING (k)")
        self.added = self.count("SELECT count(*) FROM new_keys ANTI JOIN old_keys USING (k)")

    def _gather_keys(self, side: str, key_text: str) -> None:
        columns = "".join(f", min({quote(c)}) AS {quote(f'{side[0]}_{c}')}" for c in self.shared)
        content = row_hash_sql(self.shared)
        self.connection.execute(
            f"CREATE TEMP TABLE {side}_keys AS SELECT k, count(DISTINCT content) AS contents{columns} "
            f"FROM (SELECT *, {key_text} AS k, {content} AS content FROM {side}) WHERE k IS NOT NULL GROUP BY k"
        )

    def count(self, query: str) -> int:
        """The single number of a query."""
        row = self.connection.execute(query).fetchone()
        return int(row[0] or 0) if row else 0

    def report(self) -> ContractReport:
        """All findings, worst first."""
        changes = {c: self.count(f"SELECT count(*) FROM pairs WHERE {differs([c])}") for c in self.shared}
        volatile = [c for c in self.shared if self.known and changes[c] > self.bounds.volatile * self.known]
        stable = [c for c in self.shared if c not in volatile]
        changed = self.count(f"SELECT count(*) FROM pairs WHERE {differs(stable)}")
        findings = [
            *self._compare_shape(),
            *(f for c in self.shared for f in self._compare_fill(c)),
            *self._compare_volume(),
            *self._compare_content(stable, changed),
            *(Finding(FindingName.COLUMN_VOLATILE, Severity.INFO, changes[c], self.known, c) for c in volatile),
        ]
        order = list(Severity)
        ranked = tuple(sorted(findings, key=lambda f: (order.index(f.severity), f.name, f.column)))
        return ContractReport(self.rows["old"], self.rows["new"], self.known, self.added, self.gone, changed, ranked)

    def _compare_shape(self) -> list[Finding]:
        old, new = self.columns["old"], self.columns["new"]
        found = {
            FindingName.COLUMN_GONE: [c for c in old if c not in new],
            FindingName.COLUMN_ADDED: [c for c in new if c not in old],
            FindingName.COLUMN_RETYPED: [c for c in old if c in new and old[c] != new[c]],
        }
        return [Finding(name, Severity.STOP, 1, len(old), c) for name, columns in found.items() for c in columns]

    def _compare_fill(self, column: str) -> list[Finding]:
        filled = {side: self.count(f"SELECT count(nullif({quote(column)}::VARCHAR, '')) FROM {side}") for side in SIDES}
        if not self.rows["old"] or not self.rows["new"]:
            return []
        old, new = (filled[side] / self.rows[side] for side in SIDES)
        if filled["new"] == 0 and old > 0.01:
            return [Finding(FindingName.COLUMN_EMPTIED, Severity.STOP, filled["old"], self.rows["old"], column)]
        if old - new > self.bounds.fill_warn:
            lost = round((old - new) * self.rows["new"])
            return [Finding(FindingName.COLUMN_LESS_FILLED, Severity.WARN, lost, self.rows["new"], column)]
        return []

    def _compare_volume(self) -> list[Finding]:
        bounds = self.bounds
        change = abs(self.rows["new"] - self.rows["old"])
        repeated = self.count("SELECT count(*) FROM new_keys WHERE contents > 1")
        without = self.rows["new"] - self.count("SELECT count(*) FROM new WHERE " + self._has_key())
        return [
            *grade(FindingName.VOLUME_OUTSIDE_BOUNDS, change, self.rows["old"], bounds.volume_warn, bounds.volume_stop),
            *grade(FindingName.RECORDS_GONE, self.gone, self.keys["old"], bounds.gone_warn, bounds.gone_stop),
            *grade(FindingName.KEYS_REPEATED, repeated, self.keys["new"], 0.0, 0.0),
            *grade(FindingName.KEYS_MISSING, without, self.rows["new"], 0.0, 0.01),
        ]

    def _has_key(self) -> str:
        fixed = [c for c in self.columns["new"] if c not in self.shared and c != SOURCE_ROW]
        keys = [c for c in fixed if c in self.columns["old"]]
        return " AND ".join(f"{quote(k)} IS NOT NULL" for k in keys)

    def _compare_content(self, stable: list[str], changed: int) -> list[Finding]:
        """Findings about keys: content changed, payloads moved, keys reused, records under new keys."""
        bounds = self.bounds
        findings = grade(FindingName.KEYS_WITH_CHANGED_CONTENT, changed, self.known, bounds.changed_warn, 1.0)
        telling = [c for c in stable if self._is_identifying(c)]
        if not telling:
            return findings
        self._gather_votes(telling)
        moved = self.count("SELECT count(*) FROM pairs JOIN likeness USING (k) WHERE former <> k")
        reused_stop = bounds.reused_stop if len(telling) >= ENOUGH_VOTES else 1.0
        most = " + ".join(f"({differs([c])})::INT" for c in telling)
        reused = self.count(
            f"SELECT count(*) FROM pairs ANTI JOIN likeness USING (k) WHERE {most} > {MOST * len(telling)}"
        )
        rekeyed = self.count(
            "SELECT count(*) FROM likeness WHERE k NOT IN (SELECT k FROM old_keys) "
            "AND former NOT IN (SELECT k FROM new_keys)"
        )
        return [
            *findings,
            *grade(FindingName.PAYLOADS_MOVED, moved, self.known, bounds.moved_warn, bounds.moved_stop),
            *grade(FindingName.KEYS_REUSED, reused, self.known, 0.0, reused_stop),
            *grade(FindingName.RECORDS_REKEYED, rekeyed, self.keys["old"], 0.0, bounds.rekeyed_stop),
        ]

    def _is_identifying(self, column: str) -> bool:
        name = quote(f"o_{column}")
        distinct = self.count(f"SELECT count(DISTINCT {name}) FROM old_keys")
        return distinct > self.bounds.identifying * self.keys["old"]

    def _gather_votes(self, telling: list[str]) -> None:
        """`likeness` (k, former): new keys whose row is most like that of exactly one old key, its `former` key.

        Each identifying value that stands under one old key only votes for that key. A key needs `ENOUGH_VOTES` (or
        all, where there are fewer columns), and more votes than any other.
        """
        for side in SIDES:
            columns = ", ".join(f"{quote(f'{side[0]}_{c}')}::VARCHAR AS {quote(c)}" for c in telling)
            names = ", ".join(quote(c) for c in telling)
            self.connection.execute(
                f"CREATE TEMP TABLE {side}_values AS UNPIVOT (SELECT k, {columns} FROM {side}_keys WHERE contents = 1) "
                f"ON {names} INTO NAME c VALUE v"
            )
        enough = min(ENOUGH_VOTES, len(telling))
        self.connection.execute(
            "CREATE TEMP TABLE likeness AS "
            "WITH alone AS (SELECT c, v, any_value(k) AS former FROM old_values GROUP BY c, v HAVING count(*) = 1), "
            "votes AS (SELECT k, former, count(*) AS n FROM new_values JOIN alone USING (c, v) GROUP BY k, former), "
            "best AS (SELECT k, max(n) AS n FROM votes GROUP BY k) "
            "SELECT k, min(former) AS former FROM votes JOIN best USING (k, n) "
            f"WHERE n >= {enough} GROUP BY k HAVING count(*) = 1"
        )


def differs(columns: Sequence[str]) -> str:
    """SQL condition over `pairs`: at least one of the columns differs."""
    parts = [f"{quote(f'o_{c}')}::VARCHAR IS DISTINCT FROM {quote(f'n_{c}')}::VARCHAR" for c in columns]
    return " OR ".join(parts) or "FALSE"
