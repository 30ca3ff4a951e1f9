"""The linked national set that is kept between runs: what it saves, and that it never shows in the result."""

import random
import shutil
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migration.dedupe import golden_values, linked_set, national, national_set
from migration.dedupe.inspection import explain_nominals
from migration.dedupe.judgements import Judgement, empty_judgements, make_judgement
from migration.dedupe.stage import link_nominals, relink
from migration.layers import layer_folder, read_manifest
from migration.records import Layer, PublishedRun

SURNAMES = ("MacPherson", "McPherson", "Reid", "Gunn", "Ross")
FORENAMES = ("Morag", "Marion", "Hamish", "James", "Una")
SIZES = {"D": 60, "N": 45, "A": 30}


def invented(people, division: str, only: int | None = None):
    """Nominals of a division, many of them of one person with another's; some young, some protected."""
    generator = random.Random(division)  # noqa: S311
    rows = []
    for number in range(SIZES[division]):
        born = f"{generator.choice((1961, 1975, 1990, 2008))}-11-{generator.randint(1, 6):02d}"
        details = {"surname": generator.choice(SURNAMES), "forename_1": generator.choice(FORENAMES)}
        details |= {"phone": f"0138255501{generator.randint(0, 9)}", "is_protected": generator.random() < 0.05}
        if generator.random() < 0.8:
            details["born"] = born
        rows.append(people(f"{generator.randint(0, 9)}{division.lower()}{number:03d}", **details))
    return rows[:only]


@pytest.fixture
def join(write_run, people):
    """Joins divisions one after another and returns the last run's context and the published runs."""

    def link(order, judgements=None):
        published, context = [], None
        for division in order:
            context = write_run(division, invented(people, division), "DNA".index(division) + 1)
            link_nominals(context, published, judgements or empty_judgements())
            published.append(PublishedRun(division, context.run_id))
        return context, published

    return link


def forget(settings) -> None:
    shutil.rmtree(settings.linked_sets, ignore_errors=True)


def linked_hash(context) -> str:
    return read_manifest(context, Layer.LINKED).content_hash


def national_links(context) -> list[dict]:
    return pq.read_table(layer_folder(context, Layer.LINKED) / "national_link.parquet").to_pylist()


def judge(code, left, right, at) -> pa.Table:
    return make_judgement(code, left, right, "analyst-1", "seen both files", at)


@pytest.fixture
def normalised(monkeypatch) -> list[int]:
    """How many nominals every call normalised."""
    counts: list[int] = []
    original = national.normalise_people

    def count(nominals, threads):
        counts.append(len(nominals))
        return original(nominals, threads)

    monkeypatch.setattr(national, "normalise_people", count)
    return counts


def test_published_nominals_are_not_normalised_again_when_a_division_joins(join, normalised):
    context, _ = join("DNA")
    assert normalised == [60, 45, 30]
    facts = read_manifest(context, Layer.LINKED).facts
    assert facts["normalised_nominals"] == 30
    assert facts["reused_pairs"] > 0
    assert facts["golden_worked_out"] < len(golden(context)) / 2


def test_taking_out_the_last_division_normalises_nothing(join, settings, normalised):
    _, published = join("DNA")
    normalised.clear()
    relink(settings, published[:2], empty_judgements())
    assert normalised == []


def test_joining_a_kept_set_writes_what_linking_everything_from_nothing_writes(join, settings, monkeypatch):
    for order in ("DNA", "AND", "NAD"):
        forget(settings)
        context, published = join(order)
        joined = linked_hash(context)
        forget(settings)
        shutil.rmtree(layer_folder(context, Layer.LINKED))
        with monkeypatch.context() as patch:
            patch.setattr(golden_values, "_find_earlier_values", lambda *_: None)
            link_nominals(context, published[:-1], empty_judgements())
        facts = read_manifest(context, Layer.LINKED).facts
        assert (facts["reused_pairs"], facts["golden_worked_out"]) == (0, len(golden(context)))
        assert linked_hash(context) == joined, order
    assert any(len([r for r in national_links(context) if r["golden_id"] == g]) > 2 for g in golden(context))


def golden(context) -> set[str]:
    return {r["golden_id"] for r in national_links(context)}


def test_relinking_after_a_rollback_gives_the_same_with_and_without_kept_sets(join, settings):
    _, published = join("DNA")
    stay = [p for p in published if p.division != "N"]
    with_sets = relink(settings, stay, empty_judgements())
    forget(settings)
    assert relink(settings, stay, empty_judgements()).equals(with_sets)


def test_judgements_made_and_reversed_show_in_a_kept_set_as_in_a_fresh_one(join, settings, judged_at):
    context, published = join("DNA")
    members = sorted(r["nominal_id"] for r in national_links(context))
    largest = max(golden(context), key=lambda g: sum(r["golden_id"] == g for r in national_links(context)))
    inside = sorted(r["nominal_id"] for r in national_links(context) if r["golden_id"] == largest)
    chain = [judge(Judgement.NOT_SAME, inside[0], inside[1], judged_at)]
    chain.append(judge(Judgement.MERGE, inside[0], members[-1], judged_at + timedelta(minutes=1)))
    chain.append(judge(Judgement.SPLIT, members[0], members[5], judged_at + timedelta(minutes=2)))
    for judgements in (*(pa.concat_tables(chain[:n]) for n in (1, 2, 3)), empty_judgements()):
        kept = relink(settings, published, judgements)
        forget(settings)
        fresh = relink(settings, published, judgements)  # leaves a set that was made under these judgements
        assert kept.equals(fresh)


def test_a_birthday_shows_in_a_kept_set_as_in_a_fresh_one(write_run, people, settings):
    twins = {"surname": "Reid", "forename_1": "Una", "phone": "01382555017", "sex_code": "FEMALE"}
    rows = [people(i, **twins, born="2008-11-03") for i in "ab"]
    runs = {day: write_run("D", rows, day) for day in (2, 4)}
    found = {}
    for day in (2, 4, 2):
        shutil.rmtree(layer_folder(runs[day], Layer.LINKED), ignore_errors=True)
        link_nominals(runs[day], [], empty_judgements())
        found.setdefault(day, set()).add(frozenset(golden(runs[day])))
    assert {day: {len(ids) for ids in sets} for day, sets in found.items()} == {2: {2}, 4: {1}}


@pytest.mark.parametrize("damage", ["manifest", "changed", "cut", "gone"])
def test_a_damaged_set_is_never_read(join, settings, normalised, damage, write_run, people):
    context, published = join("DN")
    for folder in (p for p in settings.linked_sets.iterdir() if p.is_dir()):
        path = folder / {"manifest": "manifest.json"}.get(damage, "rows.npy")
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if damage in {"cut", "manifest"} else content + b"x")
        if damage == "gone":
            path.unlink()
    normalised.clear()
    expected = {r["nominal_id"]: r["golden_id"] for r in national_links(context)}
    again = relink(settings, published, empty_judgements())
    assert sum(normalised) == 105
    assert dict(zip(again["nominal_id"].to_pylist(), again["golden_id"].to_pylist(), strict=True)) == expected


def test_a_set_whose_writing_was_killed_is_never_read_and_is_cleared_away(join, settings, monkeypatch, normalised):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(linked_set, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            join("D")
    assert [p.name[-8:] for p in settings.linked_sets.iterdir() if p.is_dir()] == [".writing"]
    normalised.clear()
    context, _ = join("DN")
    assert normalised == [60, 45]
    assert not [p for p in settings.linked_sets.iterdir() if p.name.endswith(".writing")]
    assert len(national_links(context)) == 105


def test_a_set_of_other_code_is_made_again(join, settings, monkeypatch, normalised):
    _, published = join("DN")
    normalised.clear()
    for module in (national_set, linked_set):
        name = "code_version" if module is national_set else "linking_version"
        with monkeypatch.context() as patch:
            patch.setattr(module, name, lambda: "other code")
            relink(settings, published, empty_judgements())
        assert sum(normalised) == 105, name
        normalised.clear()


def test_a_replaced_run_is_linked_into_the_set_without_the_one_it_replaces(join, settings, write_run, people):
    _, published = join("DNA")
    fewer = write_run("N", invented(people, "N", only=20), 9)
    link_nominals(fewer, published, empty_judgements())
    linked = linked_hash(fewer)
    forget(settings)
    shutil.rmtree(layer_folder(fewer, Layer.LINKED))
    link_nominals(fewer, published, empty_judgements())
    assert linked_hash(fewer) == linked
    assert len(national_links(fewer)) == 60 + 30 + 20


def test_no_more_sets_stay_than_are_kept_and_the_last_used_ones_do(
    write_run, people, settings, normalised, monkeypatch
):
    monkeypatch.setattr(national_set, "KEPT", 2)
    contexts = [write_run("D", invented(people, "D", only=5 + n), n + 1) for n in range(3)]
    for context in contexts:
        link_nominals(context, [], empty_judgements())
    assert sum(p.is_dir() for p in settings.linked_sets.iterdir()) == 2
    normalised.clear()
    relink(settings, [PublishedRun("D", contexts[-1].run_id)], empty_judgements())
    assert normalised == []


def test_explaining_reads_the_kept_set(join, normalised):
    context, published = join("DN")
    left, right = (r["nominal_id"] for r in national_links(context)[:2])
    normalised.clear()
    runs = [type(context)(context.settings, p.division, p.run_id) for p in published]
    explanation = explain_nominals(runs, left, right)
    assert normalised == []
    assert {explanation.left, explanation.right} == {left, right}
