"""Explaining, reviewing and evaluating a linked run."""

from dataclasses import replace

import pyarrow as pa
import pytest

from migration.dedupe.evaluation import evaluate_clusters, wilson_interval
from migration.dedupe.golden import Change
from migration.dedupe.grouped import evaluate_labels, evaluate_run, threshold_curve
from migration.dedupe.inspection import explain_golden, explain_nominals, read_links
from migration.dedupe.judgements import Judgement, add_judgement, empty_judgements, make_judgement
from migration.dedupe.model import read_model
from migration.dedupe.review import preview_judgements, review_queue
from migration.dedupe.stage import link_nominals
from migration.dedupe.waterfall import draw_waterfall
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
    assert linked.reasons[0].startswith("their own evidence is enough")
    apart = explain_nominals([run], full("a"), full("c"))
    assert apart.decision.startswith("two golden nominals")
    assert apart.cautions == ("other_forename",)
    assert apart.reasons == (
        "a caution holds: other forename",
        "their evidence is not enough: -3.00 counts, 7 is needed",
    )


def explain_two(write_run, left, right, **entities):
    context = write_run("D", [left, right], **entities)
    link_nominals(context, [], empty_judgements())
    return explain_nominals([context], left["nominal_id"], right["nominal_id"])


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"surname": "Male", "forename_1": "Unknown"}, "stays alone"),
        ({"is_protected": True}, "linked with care"),
        ({"born": "2014-01-05"}, "linked with care"),
    ],
    ids=["pseudo", "protected", "young"],
)
def test_what_keeps_equal_records_apart_is_said_without_saying_of_whom(write_run, people, details, reason):
    equal = {**GUNN, **details}
    found = explain_two(write_run, people("a", **equal), people("b", **equal))
    assert found.decision.startswith("two golden nominals")
    assert [reason in r for r in found.reasons] == [True]
    said = found.to_text() + found.to_json() + draw_waterfall(found)
    assert not any(word in said.lower() for word in ("protected", "under 18", "child", "2014", "gunn", "01955"))


def test_conflicting_and_equal_verified_identifiers_are_reasons(write_run, people):
    verified = {"identifier_type_code": "SCRO", "is_verified": True, "is_check_ok": True}
    for value, decision, reason in (
        ("S1234567891", "two golden nominals", "identifiers that forces verified are not the same"),
        ("S1234567890", "one golden nominal", "an identifier that a force verified is the same"),
    ):
        known = [
            {"nominal_identifier_id": full(i), "nominal_id": full(i), "identifier_value": v, **verified}
            for i, v in (("a", "S1234567890"), ("b", value))
        ]
        found = explain_two(write_run, people("a", **GUNN), people("b", **GUNN), nominal_identifier=known)
        assert found.decision.startswith(decision)
        assert found.reasons[0] == reason
        assert value not in found.to_text() + found.to_json() + draw_waterfall(found)


def test_a_judgement_and_nominals_of_no_common_run_are_said(write_run, people, judged_at):
    other = people("b", surname="Rae", forename_1="Ian", born="1950-05-05", sex_code="MALE")
    context = write_run("D", [people("a", **GUNN), other])
    judged = make_judgement(Judgement.MERGE, full("a"), full("b"), "analyst", "seen both files", judged_at)
    link_nominals(context, [], judged)
    found = explain_nominals([context], full("a"), full("b"))
    assert found.reasons[0].startswith("a person judged nominals of this golden nominal")
    assert found.counted is None
    assert "keeps them apart whatever else agrees" in found.to_text()
    elsewhere = write_run("N", [people("c", **GUNN)], 2)
    link_nominals(elsewhere, [], empty_judgements())
    unknown = explain_nominals([context, elsewhere], full("a"), full("c"))
    assert (unknown.decision, unknown.reasons) == ("not linked with each other yet", ("no run holds both of them",))


def test_an_explanation_is_of_the_run_that_linked_both_and_names_its_model(run, write_run, people, monkeypatch):
    alone = write_run("N", [people("e", **GUNN)], 2)
    link_nominals(alone, [], empty_judgements())
    model = read_model()
    other = replace(model, thresholds=replace(model.thresholds, cohesion=9.0))
    monkeypatch.setattr("migration.dedupe.inspection.national_model", lambda _: other)
    found = explain_nominals([run, alone], full("a"), full("b"))
    assert found.decision.startswith("one golden nominal")
    assert found.reasons[-1].startswith(f"model {model.version} said so")
    assert found.model_version == other.version


def test_no_explanation_claims_certainty(run):
    text = explain_nominals([run], full("a"), full("b")).to_text()
    assert "100" not in text.replace(full("a"), "").replace(full("b"), "").split("score")[1]
    assert "more than 99.99%" in text


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"largest_cluster": 1}, "their golden nominals would have 2 nominals together, and no more than 1"),
        ({"largest_component": 1}, "other nominals of their golden nominals do not fit, or a person judged so"),
    ],
    ids=["too_many", "unknown"],
)
def test_records_that_would_be_joined_if_they_were_alone_have_a_reason(write_run, people, monkeypatch, limit, reason):
    model = read_model()
    limited = replace(model, thresholds=replace(model.thresholds, **limit))
    for place in ("inspection", "stage"):
        monkeypatch.setattr(f"migration.dedupe.{place}.national_model", lambda _: limited)
    found = explain_two(write_run, people("a", **GUNN), people("b", **GUNN))
    assert found.decision.startswith("two golden nominals")
    assert found.reasons[0].startswith(reason)


def test_explain_golden_shows_members_and_the_strongest_refusal(run):
    text = "\n".join(explain_golden([run], full("a")))
    assert "2 nominals" in text
    assert "  because a caution holds: other forename" in text
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
