"""Rolling back with dedupe's own linkage, on invented runs."""

import sqlalchemy as sa
from invented_lake import Lake, letters, publish

from migration.dedupe.stage import link_nominals
from migration.load.content import national_content_hash
from migration.load.judgements import read_judgements
from migration.load.publications import published_runs
from migration.load.rollback import roll_back_division
from migration.records import RunContext

FIRST, SECOND = letters(2)


def make_linked_run(lake: Lake, engine: sa.Engine, division: str, names: list[str]) -> RunContext:
    context = lake.make_run(division, names)
    link_nominals(context, published_runs(engine), read_judgements(engine))
    return context


def test_rollback_with_the_national_linkage_gives_the_content_of_before(lake: Lake, engine: sa.Engine) -> None:
    publish(make_linked_run(lake, engine, FIRST, ["ann", "bob", "cat"]), engine)
    before = national_content_hash(engine)
    joined = publish(make_linked_run(lake, engine, SECOND, ["ann", "bob", "cat", "dan"]), engine)
    assert joined.links.golden_combined >= 1
    result = roll_back_division(lake.settings, engine, SECOND, "Lead Invented", "Taken out again by a test")
    assert result.is_as_before is True
    assert national_content_hash(engine) == before


def test_rollback_of_the_first_division_equals_publishing_the_second_alone(lake: Lake, engine: sa.Engine) -> None:
    alone = publish(make_linked_run(lake, engine, SECOND, ["ann", "bob", "dan"]), engine).hash_after
    roll_back_division(lake.settings, engine, SECOND, "Lead Invented", "Only to see it alone")
    publish(make_linked_run(lake, engine, FIRST, ["ann", "bob", "cat"]), engine)
    publish(make_linked_run(lake, engine, SECOND, ["ann", "bob", "dan"]), engine)
    result = roll_back_division(lake.settings, engine, FIRST, "Lead Invented", "Taken out again by a test")
    assert result.hash_after == alone == national_content_hash(engine)
    with engine.connect() as connection:
        pairs = connection.scalar(
            sa.text("SELECT count(*) FROM national.match_candidate WHERE left_division_code = :d"), {"d": FIRST}
        )
    assert pairs == 0
