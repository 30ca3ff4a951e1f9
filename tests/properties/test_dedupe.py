"""Properties of linking that promises 2 to 4 of the design rest on."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.dedupe.candidates import find_candidates
from migration.dedupe.clustering import Guards, cluster_records
from migration.dedupe.golden import Change, golden_ids, trace_lineage
from migration.dedupe.judgements import (
    Judgement,
    empty_judgements,
    encode_pairs,
    judged_pairs,
    make_judgement,
    reverse_judgement,
)
from migration.dedupe.levels import LINKAGE_COLUMNS, people_rules
from migration.dedupe.matrix import build_matrix
from migration.dedupe.model import read_model
from migration.dedupe.people import normalise_people

IDS = [f"n{number:02d}" for number in range(24)]
MODEL = read_model()
START = datetime(2026, 1, 1, tzinfo=UTC)


def invented() -> pa.Table:
    generator = random.Random(11)  # noqa: S311
    people = [("Reid", "Hamish", "1961-04-19", "01382555011"), ("Gunn", "Una", "1972-03-02", "01955555012")]
    people += [("Gunn", "William", "1950-02-11", "01955555021"), ("Gunn", "William", "1977-08-30", "01955555021")]
    rows = []
    for identifier in IDS:
        surname, forename, born, phone = generator.choice(people)
        rows.append(
            {
                "record_id": identifier,
                "surname": surname,
                "forename": generator.choice([forename, forename[0]]),
                "dob": generator.choice([born, born, None]),
                "phone": generator.choice([phone, None]),
            }
        )
    return pa.Table.from_pylist(rows)


RECORDS = invented()


def link(records: pa.Table, judgements: pa.Table) -> dict[str, str]:
    matrix = build_matrix(normalise_people(records), (*LINKAGE_COLUMNS, *(c for c in MODEL.columns if c[:3] == "id_")))
    judged = judged_pairs(judgements)
    guards = Guards(together=encode_pairs(matrix, judged.together), apart=encode_pairs(matrix, judged.apart))
    pairs = find_candidates(matrix, MODEL, people_rules(set(LINKAGE_COLUMNS)), 1).pairs
    golden = golden_ids(matrix.record_ids, cluster_records(matrix, MODEL, pairs, guards, 1).of)
    return dict(zip(matrix.record_ids.to_pylist(), golden.to_pylist(), strict=True))


def judge(number: int, code: Judgement, left: str, right: str) -> pa.Table:
    return make_judgement(code, left, right, "analyst", "seen both files", START + timedelta(minutes=number))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(range(len(IDS))))
def test_the_order_of_records_does_not_change_golden_ids(order):
    assert link(RECORDS.take(pa.array(order)), empty_judgements()) == link(RECORDS, empty_judgements())


decisions = st.lists(
    st.tuples(st.sampled_from(list(Judgement)), st.sampled_from(IDS), st.sampled_from(IDS)).filter(
        lambda d: d[1] != d[2]
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(decisions, st.randoms(use_true_random=False))
def test_reversing_judgements_in_any_order_restores_every_state_exactly(chain, generator):
    judgements = pa.concat_tables([empty_judgements(), *(judge(n, *d) for n, d in enumerate(chain))])
    before = link(RECORDS, empty_judgements())
    identifiers = judgements["judgement_id"].to_pylist()
    generator.shuffle(identifiers)
    for place, identifier in enumerate(identifiers):
        judgements = reverse_judgement(judgements, identifier, "analyst")
        left = [j for j in judgements.to_pylist() if j["judgement_id"] in identifiers[place + 1 :]]
        alone = pa.Table.from_pylist(left, schema=judgements.schema) if left else empty_judgements()
        assert link(RECORDS, judgements) == link(RECORDS, alone)
    assert link(RECORDS, judgements) == before


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(decisions)
def test_nothing_judged_apart_is_ever_in_one_golden_nominal(chain):
    judgements = pa.concat_tables([empty_judgements(), *(judge(n, *d) for n, d in enumerate(chain))])
    found = link(RECORDS, judgements)
    judged = judged_pairs(judgements)
    assert all(found[a] != found[b] for a, b in judged.apart)
    assert all(found[a] == found[b] for a, b in judged.together)


links = st.dictionaries(st.sampled_from(IDS), st.sampled_from(["GNA", "GNB", "GNC"]))


@given(links, links)
def test_lineage_accounts_for_every_golden_id(before, after):
    events = {e.golden_id: e for e in trace_lineage(before, after)}
    for identifier in set(before.values()) | set(after.values()):
        was = {n for n, g in before.items() if g == identifier}
        now = {n for n, g in after.items() if g == identifier}
        assert (identifier in events) == (was != now)
    for event in events.values():
        assert (event.change is Change.CREATED) == (event.nominals_before == 0)
        assert set(event.successors) == {after[n] for n, g in before.items() if g == event.golden_id and n in after}
    assert np.all([e.nominals_before + e.nominals_after > 0 for e in events.values()])
