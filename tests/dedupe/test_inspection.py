"""Explaining, reviewing and evaluating a linked run."""

import pyarrow as pa
import pytest

from migration.dedupe.evaluation import evaluate_clusters, wilson_interval
from migration.dedupe.golden import Change
from migration.dedupe.grouped import evaluate_labels, evaluate_run, threshold_curve
from migration.dedupe.inspection import explain_golden, explain_nominals, read_links
from migration.dedupe.judgements import Judgement, add_judgement, empty_judgements, make_judgement
from migration.dedupe.review import preview_judgements, review_queue
from migration.dedupe.stage import link_nominals
from migration.errors import ConfigError, SourceError
from migration.records import PublishedRun

GUNN = {"surname": "Gunn", "forename_1": "Una", "born": "1988-01-05", "sex_code": "FEMALE", "phone": "01955555022"}


@pytest.fixture
def run(write_run, people):
    rows = [people("a", **GUNN), people("b", **GUNN), people("c", **{**GUNN, "forename_1": "Morag"})]
    context = write_run("D", [*rows, people("d", surname="Rae", forename_1="Ian", born="1950-05-05", sex_code="MALE")])
    link_nominals(context, [], empty_judgements())
    return context


def full(letter: str) -> str:
    return letter.ljust(32, "0")


def test_explain_nominals_says_what_was_decided_and_what_stood_against_it(run):
    linked = explain_nominals([run], full("a"), full("b"))
    assert linked.decision.startswith("one golden nominal")
    apart = explain_nominals([run], full("a"), full("c"))
    assert apart.decision.startswith("two golden nominals")
    assert apart.cautions == ("other_forename",)


def test_explain_golden_shows_members_and_the_strongest_refusal(run):
    text = "\n".join(explain_golden([run], full("a")))
    assert "2 nominals" in text
    assert "not linked" in text
    with pytest.raises(ConfigError, match="no golden nominal"):
        list(explain_golden([run], "GN0000000000000"))


def test_review_queue_asks_about_pairs_without_showing_scores(run):
    items = review_queue(run, 10)
    assert {(i.left_nominal_id[0], i.right_nominal_id[0]) for i in items} == {("a", "c"), ("b", "c")}
    assert not any(character.isdigit() for item in items for character in item.why)


def test_preview_judgements_shows_the_change_and_contradictions_are_refused(run, judged_at):
    new = make_judgement(Judgement.MERGE, full("c"), full("d"), "analyst", "seen both files", judged_at)
    judged = add_judgement(empty_judgements(), new)
    published = [PublishedRun("D", run.run_id)]
    events = preview_judgements(run.settings, published, empty_judgements(), judged)
    assert sorted(e.change for e in events) == [Change.CHANGED, Change.MERGED]
    contrary = make_judgement(Judgement.NOT_SAME, full("c"), full("d"), "analyst", "seen both files", judged_at)
    with pytest.raises(ConfigError, match="open merges"):
        add_judgement(judged, contrary)


def test_evaluate_run_gives_figures_by_division_sex_and_age(run, tmp_path):
    truth = tmp_path / "truth.csv"
    lines = [f"{full(n)},{p}" for n, p in (("a", 1), ("b", 1), ("c", 1), ("d", 2))]
    truth.write_text("\n".join(["nominal_id,person_id", *lines]), encoding="utf-8")
    found = evaluate_run(run, truth)
    assert {"All", "division D", "sex FEMALE", "sex MALE", "age_band 25 to 39", "age_band 65 and over"} == set(found)
    assert found["All"].pair_precision.value == 1.0
    assert found["All"].pair_recall.value == pytest.approx(1 / 3)
    assert found["sex MALE"].exact_clusters.value == 1.0
    assert threshold_curve(run, truth)[-1].recall == 1.0
    with pytest.raises(SourceError, match="truth file"):
        evaluate_run(run, tmp_path / "absent.csv")


def test_evaluate_labels_counts_right_and_wrong_links(run, judged_at):
    judged = [
        make_judgement(Judgement.MERGE, full("a"), full("b"), "analyst", "seen", judged_at),
        make_judgement(Judgement.NOT_SAME, full("a"), full("c"), "analyst", "seen", judged_at),
        make_judgement(Judgement.MERGE, full("c"), full("d"), "analyst", "seen", judged_at),
    ]
    figures = evaluate_labels(read_links(run), pa.concat_tables(judged))
    assert (figures.linked_right, figures.apart_right, figures.apart_wrong) == (1, 1, 1)
    assert figures.recall[0] == 0.5
    assert wilson_interval(0, 0) == (0.0, 0.0, 1.0)


def test_evaluate_clusters_matches_figures_worked_by_hand():
    found = evaluate_clusters(pa.array([1, 1, 2, 2]).to_numpy(), pa.array([1, 1, 1, 2]).to_numpy())
    assert found.pair_precision.value == pytest.approx(1 / 2)
    assert found.pair_recall.value == pytest.approx(1 / 3)
    assert found.cubed_precision.value == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)
    assert found.cubed_recall.value == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
