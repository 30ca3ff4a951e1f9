"""Golden links in the database: whatever linkages follow one another, going back goes back exactly."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.load.content import read_content_hash
from migration.load.golden import apply_links, staged_link_tables
from migration.schema.model import load_schema

NOMINALS = tuple(f"{number:032x}" for number in range(1, 9))
START = datetime(2026, 9, 1, tzinfo=UTC)
Links = dict[str, int]
"""Nominal → number of its cluster."""

linkages = st.fixed_dictionaries({nominal: st.integers(0, 3) for nominal in NOMINALS})


def letters() -> list[str]:
    return [c.code for c in load_schema().codes["division"] if c.valid_to is None][:2]


def division_of(nominal: str) -> str:
    return letters()[int(nominal, 16) % 2]


def golden_of(links: Links, nominal: str) -> str:
    """Golden id: a function of the cluster's smallest nominal, as dedupe's."""
    return "GN" + min(n for n, c in links.items() if c == links[nominal])[-13:].upper()


def prepare(connection: sa.Connection) -> None:
    """Both divisions national with unlinked nominals, and empty tables for a linkage."""
    for division in letters():
        table = f"national.nominal_link_{division.lower()}"
        connection.execute(
            sa.text(f"CREATE TABLE {table} PARTITION OF national.nominal_link FOR VALUES IN ('{division}')")
        )
    for nominal in NOMINALS:
        values = {"division": division_of(nominal), "nominal": nominal, "golden": "GN" + nominal[-13:].upper()}
        statement = "INSERT INTO national.nominal_link VALUES (:division, :nominal, :golden, 'SINGLE', 'm', now())"
        connection.execute(sa.text(statement), values)
    for name in ("survivorship", "match_candidate"):
        connection.execute(sa.text(f"CREATE TABLE staging.{name}_x AS SELECT * FROM national.{name} WITH NO DATA"))
    columns = "division_code, nominal_id, golden_id, link_rule, model_version"
    connection.execute(
        sa.text(f"CREATE TABLE staging.national_link_x AS SELECT {columns} FROM national.nominal_link WITH NO DATA")
    )


def apply(connection: sa.Connection, links: Links, step: int) -> str:
    """Bring a linkage into force; returns the content hash."""
    connection.execute(sa.text("TRUNCATE staging.national_link_x, staging.survivorship_x"))
    for nominal in links:
        values = {"division": division_of(nominal), "nominal": nominal, "golden": golden_of(links, nominal)}
        statement = "INSERT INTO staging.national_link_x VALUES (:division, :nominal, :golden, 'MODEL', 'm')"
        connection.execute(sa.text(statement), values)
    statement = (
        "INSERT INTO staging.survivorship_x SELECT golden_id, 'surname', NULL, min(nominal_id), 'rule', 1 "
        "FROM staging.national_link_x GROUP BY golden_id"
    )
    connection.execute(sa.text(statement))
    moment = START + timedelta(days=step)
    apply_links(connection, staged_link_tables("x"), letters()[0], f"run {step}", moment)
    return read_content_hash(connection)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(linkages, min_size=1, max_size=4))
def test_links_brought_back_give_the_same_content_and_keep_the_history(engine: sa.Engine, history: list[Links]) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        prepare(connection)
        hashes = [apply(connection, links, step) for step, links in enumerate(history)]
        for step, (links, expected) in enumerate(reversed(list(zip(history, hashes, strict=True))), start=len(history)):
            assert apply(connection, links, step) == expected
        check_history(connection, history[0])
        transaction.rollback()


def check_history(connection: sa.Connection, links: Links) -> None:
    """One open period per nominal, equal to its link; periods of a nominal follow one another; no id is forgotten."""
    rows = connection.execute(sa.text("SELECT * FROM control.golden_history ORDER BY nominal_id, valid_from_utc")).all()
    open_rows = {row.nominal_id: row.golden_id for row in rows if row.valid_to_utc is None}
    assert open_rows == {nominal: golden_of(links, nominal) for nominal in links}
    for earlier, later in pairwise(rows):
        if earlier.nominal_id == later.nominal_id:
            assert earlier.valid_to_utc is not None and earlier.valid_to_utc <= later.valid_from_utc
    golden = {r.golden_id: r for r in connection.execute(sa.text("SELECT * FROM national.golden_nominal"))}
    assert set(golden) == {row.golden_id for row in rows}
    for row in golden.values():
        assert (row.golden_status_code == "LIVE") == (row.golden_id in open_rows.values())
        if row.golden_status_code == "REDIRECT":
            assert golden[row.redirect_to].golden_status_code == "LIVE"
    assert sum(row.nominals for row in golden.values()) == len(links)
