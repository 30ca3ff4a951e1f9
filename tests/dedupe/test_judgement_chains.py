"""Judgements made and reversed in any order while divisions join, go and come back: what holds at every step."""

import random
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migration.dedupe.golden import trace_lineage
from migration.dedupe.judgements import (
    Judgement,
    add_judgement,
    empty_judgements,
    judged_pairs,
    make_judgement,
    open_judgements,
    reverse_judgement,
)
from migration.dedupe.lineage import lineage_feed
from migration.dedupe.review import preview_judgements, review_queue
from migration.dedupe.stage import link_nominals, relink
from migration.errors import ConfigError
from migration.layers import layer_folder, read_manifest
from migration.records import Layer, PublishedRun, RunContext
from migration.settings import Settings

NAMES = (("Reid", "Hamish"), ("Reed", "Hamish"), ("Reid", "James"), ("Gunn", "Una"), ("Male", "Unknown"))
BIRTHS = ("1961-04-19", "1961-04-18", "1975-09-30")
EACH = 6
STEPS = 14


def nominal_id(division: str, number: int) -> str:
    return f"{number}{division.lower()}".ljust(32, "0")


IDS = sorted(nominal_id(d, n) for d in "DNA" for n in range(EACH))


def invented(people, division: str):
    generator = random.Random(division)  # noqa: S311
    rows = []
    for number in range(EACH):
        surname, forename = generator.choice(NAMES)
        details = {"phone": f"0138255501{generator.randint(0, 2)}", "born": generator.choice(BIRTHS)}
        rows.append(people(nominal_id(division, number)[:2], surname=surname, forename_1=forename, **details))
    return rows


@dataclass
class World:
    """The national set as judgements and divisions come and go, and its history as the database would keep it."""

    settings: Settings
    runs: Mapping[str, RunContext]
    at: datetime
    judgements: pa.Table = field(default_factory=empty_judgements)
    published: list[PublishedRun] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, object]] = field(default_factory=list)

    def find_links(self, judgements: pa.Table | None = None) -> dict[str, str]:
        table = relink(self.settings, self.published, self.judgements if judgements is None else judgements)
        return dict(zip(table["nominal_id"].to_pylist(), table["golden_id"].to_pylist(), strict=True))

    def move(self) -> None:
        """Take the links that hold now and write what changed into the history."""
        now = self.find_links()
        for row in self.history:
            same = now.get(str(row["nominal_id"])) == row["golden_id"]
            if row["valid_to_utc"] is None and not same:
                row["valid_to_utc"] = self.at
        for nominal, golden in now.items():
            if self.links.get(nominal) != golden:
                row = {"nominal_id": nominal, "golden_id": golden, "cause_run_id": "run"}
                self.history.append({**row, "valid_from_utc": self.at, "valid_to_utc": None})
        self.links = now

    def judge(self, code: Judgement, left: str, right: str) -> None:
        new = make_judgement(code, left, right, "analyst-1", "seen both files", self.at)
        self.change(add_judgement(self.judgements, new))

    def reverse(self, identifier: str) -> None:
        self.change(reverse_judgement(self.judgements, identifier, "analyst-2", self.at))

    def change(self, after: pa.Table) -> None:
        preview = preview_judgements(self.settings, self.published, self.judgements, after) if self.published else ()
        before, self.judgements = self.links, after
        self.move()
        assert preview == trace_lineage(before, self.links)

    def check(self) -> None:
        judged = judged_pairs(self.judgements)
        here = self.links.keys()
        for a, b in judged.apart:
            assert a not in here or b not in here or self.links[a] != self.links[b]
        for a, b in judged.together:
            assert a not in here or b not in here or self.links[a] == self.links[b]
        assert replay(self.history) == Counter(self.links.values())


def replay(history) -> Counter[str]:
    """Nominals of every golden id in force, from the feed alone."""
    live: Counter[str] = Counter()
    for row in lineage_feed(history).to_pylist():
        if row["change"] == "CREATED":
            assert row["golden_id"] not in live
        else:
            assert live[row["golden_id"]] == row["nominals_before"]
        assert row["change"] != "MERGED" or len(row["successors"]) == 1
        assert row["change"] != "RETIRED" or not row["successors"]
        live[row["golden_id"]] = row["nominals_after"]
        live += Counter()
    return live


@pytest.fixture
def world(write_run, people, settings, judged_at):
    runs = {d: write_run(d, invented(people, d), day) for day, d in enumerate("DNA", start=1)}
    return World(settings, runs, judged_at)


def step(world: World, generator: random.Random) -> None:
    """One thing that happens."""
    world.at += timedelta(minutes=1)
    standing = open_judgements(world.judgements)["judgement_id"].to_pylist()
    what = generator.choice(("judge", "judge", "judge", "reverse", "division"))
    if what == "judge":
        try:
            world.judge(generator.choice(list(Judgement)), *generator.sample(IDS, 2))
        except ConfigError:
            return  # it contradicts one that stands: refused, and nothing changes
    elif what == "reverse" and standing:
        world.reverse(generator.choice(standing))
    else:
        division = generator.choice("DNA")
        stay = [p for p in world.published if p.division != division]
        come = [] if len(stay) < len(world.published) else [PublishedRun(division, world.runs[division].run_id)]
        world.published = [*stay, *come]
        world.move()


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(s, marks=pytest.mark.wide) for s in range(3, 13))])
def test_whatever_happens_judgements_hold_previews_are_true_and_the_feed_agrees(world, seed):
    generator = random.Random(seed)  # noqa: S311
    world.published = [PublishedRun(d, world.runs[d].run_id) for d in "DN"]
    world.move()
    for _ in range(STEPS):
        step(world, generator)
        world.check()
    shutil.rmtree(world.settings.linked_sets)
    assert world.find_links() == world.links
    standing = open_judgements(world.judgements)["judgement_id"].to_pylist()
    generator.shuffle(standing)
    for identifier in standing:
        world.at += timedelta(minutes=1)
        world.reverse(identifier)
        world.check()
    assert world.links == world.find_links(empty_judgements())


def test_a_chain_of_merges_through_a_nominal_that_is_gone_holds_again_when_it_is_back(world):
    ends = [nominal_id("D", 0), nominal_id("A", 0)]
    middle = nominal_id("N", 0)
    everyone = [PublishedRun(d, world.runs[d].run_id) for d in "DNA"]
    world.published = everyone
    world.move()
    for end in ends:
        world.at += timedelta(minutes=1)
        world.judge(Judgement.MERGE, end, middle)
    assert len({world.links[i] for i in (*ends, middle)}) == 1
    world.published = [p for p in everyone if p.division != "N"]
    apart = world.find_links(empty_judgements())
    world.move()
    assert world.links == apart
    with pytest.raises(ConfigError, match="open merges that join the two"):
        world.judge(Judgement.NOT_SAME, *ends)
    world.published = everyone
    world.move()
    assert len({world.links[i] for i in (*ends, middle)}) == 1


def test_a_person_may_merge_what_stands_for_nobody_and_nothing_else_links_it(write_run, people, settings, judged_at):
    unknown = {"surname": "Male", "forename_1": "Unknown", "born": "1980-02-03", "phone": "01382555019"}
    context = write_run("D", [people(i, **unknown) for i in "abc"])
    pair = [i.ljust(32, "0") for i in "ab"]
    world = World(settings, {"D": context}, judged_at, published=[PublishedRun("D", context.run_id)])
    world.move()
    assert len(set(world.links.values())) == 3
    world.judge(Judgement.MERGE, *pair)
    assert sorted(Counter(world.links.values()).values()) == [1, 2]
    assert world.links[pair[0]] == world.links[pair[1]]


def test_judged_pairs_hold_in_a_component_that_no_threshold_parts(write_run, people, settings, judged_at, monkeypatch):
    identifier = {"identifier_type_code": "SCRO", "is_verified": True, "is_check_ok": True}
    rows = [people(f"{n:03d}", surname="Reid", forename_1="Una", born="1980-02-03") for n in range(260)]
    known = [
        {"nominal_identifier_id": r["nominal_id"], "nominal_id": r["nominal_id"], "identifier_value": "S1234567890"}
        | identifier
        for r in rows
    ]
    context = write_run("D", rows, nominal_identifier=known)
    world = World(settings, {"D": context}, judged_at, published=[PublishedRun("D", context.run_id)])
    world.move()
    assert len(set(world.links.values())) == 260
    world.judge(Judgement.MERGE, rows[3]["nominal_id"], rows[200]["nominal_id"])
    assert len(set(world.links.values())) == 259
    assert world.links[rows[3]["nominal_id"]] == world.links[rows[200]["nominal_id"]]


def test_an_answered_pair_is_not_asked_again_nor_one_that_merges_answer(write_run, people, judged_at):
    details = {"surname": "Reid", "forename_1": "Una", "born": "2012-04-04", "phone": "01382555019"}
    context = write_run("D", [people(i, **details) for i in "abc"])
    a, b, c = (i.ljust(32, "0") for i in "abc")
    link_nominals(context, [], empty_judgements())
    asked = {(i.left_nominal_id, i.right_nominal_id) for i in review_queue(context, 10)}
    assert asked == set(combinations((a, b, c), 2))
    chain = [make_judgement(Judgement.NOT_SAME, a, b, "analyst-1", "seen both files", judged_at)]
    later = judged_at + timedelta(minutes=1)
    chain.append(make_judgement(Judgement.MERGE, b, c, "analyst-1", "seen both files", later))
    judged = pa.concat_tables(chain)
    assert not review_queue(context, 10, judged_pairs(judged))
    link_nominals(context, [], judged)
    assert not review_queue(context, 10)


def test_an_id_whose_own_nominal_is_gone_leads_to_where_its_others_went(write_run, people):
    details = {"surname": "MacPherson", "forename_1": "Morag", "born": "1961-04-19", "phone": "01382555017"}
    first = write_run("D", [people("a", **details)], 1)
    second = write_run("N", [people("b", **details)], 2)
    third = write_run("A", [people("c", surname="Rae", forename_1="Ian")], 3)
    link_nominals(first, [], empty_judgements())
    link_nominals(second, [PublishedRun("D", first.run_id)], empty_judgements())
    joined = golden_of(second)
    link_nominals(third, [PublishedRun("N", second.run_id)], empty_judgements())
    now = golden_of(third)
    rows = pq.read_table(layer_folder(third, Layer.LINKED) / "golden_nominal.parquet").to_pylist()
    status = {r["golden_id"]: (r["golden_status_code"], r["redirect_to"]) for r in rows}
    assert status[joined["b".ljust(32, "0")]] == ("REDIRECT", now["b".ljust(32, "0")])
    assert read_manifest(third, Layer.LINKED).facts["published"] == [f"N/{second.run_id}"]


def golden_of(context) -> dict[str, str]:
    table = pq.read_table(layer_folder(context, Layer.LINKED) / "national_link.parquet")
    return dict(zip(table["nominal_id"].to_pylist(), table["golden_id"].to_pylist(), strict=True))
