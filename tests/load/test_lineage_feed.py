"""The feed of golden ids, by its command, on a real PostgreSQL."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from invented_lake import Lake, letters, publish, roll_back
from typer.testing import CliRunner

from migration.cli import build_app
from migration.load.publications import published_runs

FIRST, SECOND = letters(2)


def feed_of(engine: sa.Engine, folder: Path) -> list[dict]:
    path = folder / "feed.parquet"
    result = CliRunner().invoke(build_app(), ["dedupe", "lineage", "--out", str(path)])
    assert result.exit_code == 0, result.output
    return pq.read_table(path).to_pylist()


def sizes_in_force(engine: sa.Engine) -> dict[str, int]:
    query = "SELECT golden_id, count(*) FROM national.nominal_link GROUP BY golden_id"
    with engine.connect() as connection:
        return {str(golden): int(count) for golden, count in connection.execute(sa.text(query))}


def test_feed_when_replayed_gives_the_ids_in_force_after_a_merge_and_a_rollback(
    lake: Lake, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.commands.dedupe.get_settings", lambda: lake.settings)
    monkeypatch.setattr("migration.load.engine.open_engine", lambda settings: engine)
    publish(lake.make_run(FIRST, ["ann", "bob"]), engine)
    publish(lake.make_run(SECOND, ["bob", "cat"], published=published_runs(engine)), engine)
    feeds = [feed_of(engine, tmp_path)]
    states = [sizes_in_force(engine)]
    roll_back(lake, engine, SECOND)
    feeds.append(feed_of(engine, tmp_path))
    states.append(sizes_in_force(engine))
    assert feeds[1][: len(feeds[0])] == feeds[0]
    assert len(feeds[1]) > len(feeds[0])
    for feed, state in zip(feeds, states, strict=True):
        sizes: dict[str, int] = {}
        for event in feed:
            assert sizes.get(event["golden_id"], 0) == event["nominals_before"]
            sizes[event["golden_id"]] = event["nominals_after"]
        assert {golden: count for golden, count in sizes.items() if count} == state
