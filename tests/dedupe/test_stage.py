"""The dedupe stage over lakes of invented nominals."""

from datetime import datetime
from itertools import permutations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migration.dedupe.judgements import Judgement, empty_judgements, make_judgement, reverse_judgement
from migration.dedupe.stage import link_nominals, relink
from migration.layers import layer_folder, read_manifest
from migration.records import Layer, PublishedRun, StageStatus
from migration.schema.arrow import arrow_schema
from migration.schema.model import load_schema

SCHEMA_TABLES = ("nominal_link", "golden_nominal", "survivorship", "match_candidate")


def links(context) -> dict[str, str]:
    table = pq.read_table(layer_folder(context, Layer.LINKED) / "national_link.parquet")
    return dict(zip(table["nominal_id"].to_pylist(), table["golden_id"].to_pylist(), strict=True))


def groups(found: dict[str, str]) -> set[frozenset[str]]:
    members: dict[str, set[str]] = {}
    for nominal, golden in found.items():
        members.setdefault(golden, set()).add(nominal[0])
    return {frozenset(m) for m in members.values()}


def rules(context) -> dict[str, str]:
    table = pq.read_table(layer_folder(context, Layer.LINKED) / "national_link.parquet")
    return dict(zip((n[0] for n in table["nominal_id"].to_pylist()), table["link_rule"].to_pylist(), strict=True))


MORAG = {
    "surname": "MacPherson",
    "forename_1": "Morag",
    "born": "1961-04-19",
    "sex_code": "FEMALE",
    "phone": "01382 555017",
}


def test_link_nominals_when_two_records_agree_links_them(write_run, people):
    context = write_run("D", [people("a", **MORAG), people("b", **MORAG), people("c", surname="Rae", forename_1="Ian")])
    link_nominals(context, [], empty_judgements())
    assert groups(links(context)) == {frozenset("ab"), frozenset("c")}
    assert rules(context) == {"a": "MODEL", "b": "MODEL", "c": "SINGLE"}


def test_link_nominals_writes_exactly_the_columns_of_the_schema(write_run, people):
    context = write_run("D", [people("a", **MORAG), people("b", **MORAG)])
    result = link_nominals(context, [], empty_judgements())
    for name in SCHEMA_TABLES:
        path = layer_folder(context, Layer.LINKED) / f"{name}.parquet"
        expected = arrow_schema(load_schema().entity(name))
        found = pq.read_schema(path)
        assert found.names == expected.names
        assert [f.type for f in found] == [f.type for f in expected], name
        assert pq.read_metadata(path).num_rows > 0
    assert result.counts["nominal_link"] == 2


def test_link_nominals_when_nothing_changed_skips_itself(write_run, people):
    context = write_run("D", [people("a", **MORAG)])
    assert link_nominals(context, [], empty_judgements()).status is StageStatus.DONE
    assert link_nominals(context, [], empty_judgements()).status is StageStatus.SKIPPED


def test_link_nominals_when_the_division_has_no_nominals_writes_empty_tables(write_run):
    context = write_run("D", [])
    assert link_nominals(context, [], empty_judgements()).counts["nominal_link"] == 0


def test_link_nominals_keeps_pseudo_nominals_and_organisations_alone(write_run, people):
    context = write_run(
        "D",
        [
            people("a", surname="Fiscal", forename_1="Procurator", nominal_type_code="PSEUDO", phone="01382555017"),
            people("b", surname="Fiscal", forename_1="Procurator", nominal_type_code="PSEUDO", phone="01382555017"),
            people("c", surname="Male", forename_1="Unknown", born="1980-02-03", phone="01382555019"),
            people("d", surname="Male", forename_1="Unknown", born="1980-02-03", phone="01382555019"),
        ],
    )
    link_nominals(context, [], empty_judgements())
    assert len(groups(links(context))) == 4
    assert set(rules(context).values()) == {"PSEUDO"}


SCENE = {
    "D": [
        ("a", "MacPherson", "Morag", "1961-04-19"),
        ("b", "Reid", "Hamish", "1975-09-30"),
        ("c", "Reid", "Hamish", None),
    ],
    "N": [
        ("d", "McPherson", "Morag", "1961-04-19"),
        ("e", "Reid", "James", "1975-09-30"),
        ("f", "Ross", "Una", "1990-01-05"),
    ],
    "A": [
        ("g", "McPherson", "Marion", "1961-04-19"),
        ("h", "Ross", "Una", "1990-05-01"),
        ("i", "Gunn", "Eilidh", "1988-08-08"),
    ],
}


def write_scene(write_run, people, division, day):
    phones = {
        "a": "1382555017",
        "d": "1382555017",
        "g": "1382555017",
        "b": "1463555018",
        "e": "1463555018",
        "f": "1224555019",
        "h": "1224555019",
    }
    rows = [
        people(i, surname=s, forename_1=f, phone=phones.get(i), **({"born": b} if b else {}))
        for i, s, f, b in SCENE[division]
    ]
    return write_run(division, rows, day)


def join_in_order(write_run, people, order):
    published, context = [], None
    for day, division in enumerate(order, start=1):
        context = write_scene(write_run, people, division, day)
        link_nominals(context, published, empty_judgements())
        published.append(PublishedRun(division, context.run_id))
    return context, published


def test_link_nominals_in_every_order_of_divisions_gives_the_same_golden_nominals(write_run, people):
    found = []
    for order in permutations("DNA"):
        context, _ = join_in_order(write_run, people, order)
        found.append((links(context), rules(context)))
        live = pq.read_table(layer_folder(context, Layer.LINKED) / "golden_nominal.parquet").to_pylist()
        assert {g["golden_id"] for g in live if g["golden_status_code"] == "LIVE"} == set(found[-1][0].values())
    assert all(f == found[0] for f in found)
    assert {frozenset("adg"), frozenset("fh")} <= groups(found[0][0])


def test_relink_after_a_division_is_taken_out_equals_never_having_had_it(write_run, people, settings):
    _, published = join_in_order(write_run, people, "DNA")
    stay = [p for p in published if p.division != "N"]
    after = relink(settings, stay, empty_judgements())
    context, _ = join_in_order(write_run, people, "DA")
    expected = links(context)
    assert dict(zip(after["nominal_id"].to_pylist(), after["golden_id"].to_pylist(), strict=True)) == expected


def test_link_nominals_reuses_pairs_that_published_runs_compared(write_run, people):
    context, _ = join_in_order(write_run, people, "DNA")
    assert read_manifest(context, Layer.LINKED).facts["reused_pairs"] > 0


def judge(code, left, right, at: datetime) -> pa.Table:
    return make_judgement(code, left.ljust(32, "0"), right.ljust(32, "0"), "analyst-1", "seen both files", at)


def test_judgements_outrank_scores_and_reversing_them_restores_the_links(write_run, people, judged_at):
    rows = [people("a", **MORAG), people("b", **MORAG), people("c", surname="Rae", forename_1="Ian")]
    context = write_run("D", rows)
    link_nominals(context, [], empty_judgements())
    before = read_manifest(context, Layer.LINKED).content_hash
    judged = pa.concat_tables(
        [judge(Judgement.NOT_SAME, "a", "b", judged_at), judge(Judgement.MERGE, "b", "c", judged_at)]
    )
    link_nominals(context, [], judged)
    assert groups(links(context)) == {frozenset("a"), frozenset("bc")}
    assert rules(context) == {"a": "SINGLE", "b": "JUDGEMENT", "c": "JUDGEMENT"}
    for identifier in judged["judgement_id"].to_pylist():
        judged = reverse_judgement(judged, identifier, "analyst-2", judged_at)
    link_nominals(context, [], judged)
    assert read_manifest(context, Layer.LINKED).content_hash == before


def test_judgements_of_two_divisions_hold_when_a_third_joins_in_any_order(write_run, people, judged_at):
    judged = pa.concat_tables(
        [judge(Judgement.MERGE, "c", "i", judged_at), judge(Judgement.NOT_SAME, "a", "d", judged_at)]
    )
    found = []
    for order in permutations("DNA"):
        published, context = [], None
        for day, division in enumerate(order, start=1):
            context = write_scene(write_run, people, division, day)
            link_nominals(context, published, judged)
            published.append(PublishedRun(division, context.run_id))
        found.append(links(context))
    assert all(f == found[0] for f in found)
    together = {nominal[0]: golden for nominal, golden in found[0].items()}
    assert together["c"] == together["i"]
    assert together["a"] != together["d"]


VERIFIED = {"identifier_type_code": "SCRO", "is_verified": True, "is_check_ok": True}


def identifier(key, nominal, value, **more):
    return {
        "nominal_identifier_id": key.ljust(32, "0"),
        "nominal_id": nominal.ljust(32, "0"),
        "identifier_value": value,
        **VERIFIED,
        **more,
    }


def test_conflicting_verified_identifiers_keep_apart_what_otherwise_agrees(write_run, people):
    rows = [people("a", **MORAG), people("b", **MORAG)]
    known = [identifier("1", "a", "S1234567890"), identifier("2", "b", "S1234567891")]
    context = write_run("D", rows, nominal_identifier=known)
    link_nominals(context, [], empty_judgements())
    assert len(groups(links(context))) == 2


@pytest.mark.parametrize("careful", [{"is_protected": True}, {"born": "2012-04-19"}], ids=["protected", "under_18"])
def test_the_protected_and_the_young_are_linked_by_a_verified_identifier_only(write_run, people, careful):
    details = {**MORAG, **careful}
    rows = [people("a", **details), people("b", **details), people("c", **details)]
    known = [identifier("1", "a", "S1234567890"), identifier("2", "b", "S1234567890")]
    context = write_run("D", rows, nominal_identifier=known)
    link_nominals(context, [], empty_judgements())
    assert groups(links(context)) == {frozenset("ab"), frozenset("c")}
    assert rules(context)["a"] == "IDENTIFIER"
    candidates = pq.read_table(layer_folder(context, Layer.LINKED) / "match_candidate.parquet").to_pylist()
    assert {c["band_code"] for c in candidates if c["right_nominal_id"].startswith("c")} == {"REVIEW"}


def test_golden_ids_that_were_replaced_redirect_to_the_one_that_holds_their_nominal(write_run, people):
    first = write_run("D", [people("b", **MORAG)], 1)
    link_nominals(first, [], empty_judgements())
    old = links(first)["b".ljust(32, "0")]
    second = write_run("N", [people("a", **MORAG)], 2)
    link_nominals(second, [PublishedRun("D", first.run_id)], empty_judgements())
    rows = pq.read_table(layer_folder(second, Layer.LINKED) / "golden_nominal.parquet").to_pylist()
    status = {r["golden_id"]: (r["golden_status_code"], r["redirect_to"]) for r in rows}
    assert status[old] == ("REDIRECT", links(second)["b".ljust(32, "0")])


def test_evidence_names_levels_and_weights_and_no_value(write_run, people):
    context = write_run("D", [people("a", **MORAG), people("b", **MORAG)])
    link_nominals(context, [], empty_judgements())
    row = pq.read_table(layer_folder(context, Layer.LINKED) / "match_candidate.parquet").to_pylist()[0]
    assert '"surname":["same"' in row["evidence"]
    assert "MORAG" not in row["evidence"].upper().replace("FORENAME", "")
    assert row["band_code"] == "AUTO"


def test_link_nominals_when_a_published_run_gave_other_ids_does_not_skip_itself(write_run, people):
    first = write_run("D", [people("b", **MORAG)], 1)
    second = write_run("N", [people("a", **MORAG)], 2)
    joining = write_run("A", [people("c", **MORAG)], 3)
    published = [PublishedRun("D", first.run_id), PublishedRun("N", second.run_id)]
    for context in (first, second):
        link_nominals(context, [], empty_judgements())
    link_nominals(joining, published, empty_judgements())
    old = links(first)["b".ljust(32, "0")]
    rows = pq.read_table(layer_folder(joining, Layer.LINKED) / "golden_nominal.parquet").to_pylist()
    assert old in {r["golden_id"] for r in rows}
    link_nominals(first, published[1:], empty_judgements())
    link_nominals(second, published[:1], empty_judgements())
    assert link_nominals(joining, published, empty_judgements()).status is StageStatus.DONE
