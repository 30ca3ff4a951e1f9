"""The feed of golden ids: merges, splits, retirements, rollbacks."""

import random
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from migration.dedupe.lineage import lineage_feed, write_feed
from migration.errors import ConfigError, SourceError

START = datetime(2026, 11, 1, 9, tzinfo=UTC)


def history(*states):
    """Rows of the golden history for links that follow each other, an hour apart."""
    rows, before = [], {}
    for number, state in enumerate(states):
        at = START + timedelta(hours=number)
        for row in rows:
            if row["valid_to_utc"] is None and state.get(row["nominal_id"]) != row["golden_id"]:
                row["valid_to_utc"] = at
        for nominal, golden in state.items():
            if before.get(nominal) != golden:
                rows.append(
                    {
                        "nominal_id": nominal,
                        "golden_id": golden,
                        "valid_from_utc": at,
                        "valid_to_utc": None,
                        "cause_run_id": f"run{number}",
                    }
                )
        before = state
    return rows


def changes(*states):
    feed = lineage_feed(history(*states)).to_pylist()
    last = START + timedelta(hours=len(states) - 1)
    return {r["golden_id"]: (r["change"], tuple(r["successors"])) for r in feed if r["at_utc"] == last}


def test_ids_are_created():
    assert changes({"a": "GNA", "b": "GNB"}) == {"GNA": ("CREATED", ()), "GNB": ("CREATED", ())}


def test_a_merge_says_which_id_holds_the_nominals_now():
    assert changes({"a": "GNA", "b": "GNB"}, {"a": "GNA", "b": "GNA"}) == {
        "GNA": ("CHANGED", ("GNA",)),
        "GNB": ("MERGED", ("GNA",)),
    }


def test_a_split_names_every_id_the_nominals_went_to():
    found = changes({"a": "GNA", "b": "GNA"}, {"a": "GNA", "b": "GNB"})
    assert found == {"GNA": ("SPLIT", ("GNA", "GNB")), "GNB": ("CREATED", ())}


def test_an_id_retires_when_its_nominals_leave():
    assert changes({"a": "GNA", "b": "GNB"}, {"a": "GNA"}) == {"GNB": ("RETIRED", ())}


def test_a_rollback_undoes_the_publish_before_it():
    one, both = {"b": "GNB"}, {"a": "GNA", "b": "GNA", "c": "GNC"}
    assert changes(one, both) == {"GNA": ("CREATED", ()), "GNB": ("MERGED", ("GNA",)), "GNC": ("CREATED", ())}
    assert changes(one, both, one) == {"GNA": ("MERGED", ("GNB",)), "GNB": ("CREATED", ()), "GNC": ("RETIRED", ())}


def test_replaying_the_feed_gives_the_ids_in_force_whatever_the_order_of_the_rows():
    generator = random.Random(3)  # noqa: S311
    states = [
        {n: generator.choice(["GNA", "GNB", "GNC"]) for n in "abcdef" if generator.random() < 0.8} for _ in range(12)
    ]
    rows = history(*states)
    feed = lineage_feed(rows)
    generator.shuffle(rows)
    assert lineage_feed(rows).equals(feed)
    sizes: dict[str, int] = {}
    for event in feed.to_pylist():
        assert sizes.get(event["golden_id"], 0) == event["nominals_before"]
        sizes[event["golden_id"]] = event["nominals_after"]
    last = list(states[-1].values())
    assert {g: n for g, n in sizes.items() if n} == {g: last.count(g) for g in set(last)}


def test_since_leaves_out_what_was_sent_already_and_keeps_what_ids_were_before():
    rows = history({"a": "GNA", "b": "GNB"}, {"a": "GNA", "b": "GNA"})
    feed = lineage_feed(rows, START + timedelta(minutes=1)).to_pylist()
    assert [(r["golden_id"], r["change"], r["nominals_before"]) for r in feed] == [
        ("GNA", "CHANGED", 1),
        ("GNB", "MERGED", 1),
    ]


def test_two_ids_at_once_are_refused():
    rows = history({"a": "GNA"})
    with pytest.raises(SourceError, match="two golden ids"):
        lineage_feed([*rows, {**rows[0], "golden_id": "GNB"}])


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_the_feed_is_written_for_other_systems(tmp_path, suffix):
    feed = lineage_feed(history({"a": "GNA", "b": "GNA"}, {"a": "GNA", "b": "GNB"}))
    path = tmp_path / f"feed.{suffix}"
    write_feed(feed, path)
    if suffix == "parquet":
        assert pq.read_table(path).equals(feed)
    else:
        assert '"GNA GNB"' in path.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="ends in"):
        write_feed(feed, tmp_path / "feed.txt")
