"""Staging against national: what was reconciled is what becomes and stays national; damage is named."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from migration.errors import ReconciliationError
from migration.load.partitions import attach_partition
from migration.quality.national import check_national, compare_national
from migration.quality.stage import reconcile_division
from migration.schema.model import load_schema


@pytest.fixture
def published(make_run: Callable[..., Any], engine: sa.Engine) -> Any:
    """A reconciled run whose partitions are national."""
    run = make_run().write().stage(engine)
    reconcile_division(run.context, engine)
    attach(run, engine)
    return run


def attach(run: Any, engine: sa.Engine) -> None:
    context = run.context
    with engine.begin() as connection:
        for entity in load_schema().partitioned_entities():
            attach_partition(connection, entity.name, context.division)


def breaks(run: Any, engine: sa.Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        return [(b.check, b.table, b.column) for b in compare_national(connection, run.context)]


def test_what_was_reconciled_is_national(published: Any, engine: sa.Engine) -> None:
    assert breaks(published, engine) == []


def test_link_that_another_division_moved_is_no_break(published: Any, engine: sa.Engine, execute: Any) -> None:
    execute("UPDATE national.nominal_link SET golden_id = 'GN0000000000000'")
    assert breaks(published, engine) == []


@pytest.mark.parametrize(
    ("damage", "found", "key"),
    [
        ("DELETE FROM national.crime WHERE source_key = '7#1'", ("rows", "crime", ""), "7#1"),
        (
            "UPDATE national.nominal SET surname = 'Other' WHERE source_key = 'N00005-1'",
            ("fingerprint", "nominal", "surname"),
            "N00005-1",
        ),
        (
            "UPDATE national.location_match SET evidence = jsonb_build_object('a', 1) WHERE uprn = 9000000003",
            ("fingerprint", "location_match", "evidence"),
            "",
        ),
    ],
)
def test_damage_in_the_national_partition_is_named_with_owner_and_key(
    published: Any, engine: sa.Engine, execute: Any, damage: str, found: tuple[str, str, str], key: str
) -> None:
    execute(damage)
    assert breaks(published, engine) == [found]
    with engine.connect() as connection, pytest.raises(ReconciliationError) as caught:
        check_national(connection, published.context)
    assert "staging = national" in caught.value.found and key in caught.value.found
    assert "owner" in caught.value.found and "Other" not in str(caught.value)


def test_run_that_was_never_reconciled_does_not_verify(make_run: Callable[..., Any], engine: sa.Engine) -> None:
    run = make_run().write().stage(engine)
    attach(run, engine)
    assert {check for check, _, _ in breaks(run, engine)} == {"control totals"}
