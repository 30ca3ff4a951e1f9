"""What is national follows from the publications in order, as from a stack per division."""

from hypothesis import given
from hypothesis import strategies as st

from migration.load.publications import PUBLISH, ROLLBACK, Publication, stack_publications

actions = st.lists(st.tuples(st.sampled_from("XYZ"), st.sampled_from([PUBLISH, ROLLBACK])), max_size=30)


def build(history: list[tuple[str, str]]) -> list[tuple[Publication, str]]:
    return [(Publication(n, d, f"run {n}", "before", "after"), action) for n, (d, action) in enumerate(history)]


@given(actions)
def test_publish_then_rollback_changes_nothing(history: list[tuple[str, str]]) -> None:
    for division in "XYZ":
        longer = [*history, (division, PUBLISH), (division, ROLLBACK)]
        before = {d: s for d, s in stack_publications(build(history)).items() if s}
        after = {d: s for d, s in stack_publications(build(longer)).items() if s}
        assert before == after


@given(actions)
def test_divisions_do_not_disturb_one_another(history: list[tuple[str, str]]) -> None:
    everything = stack_publications(build(history))
    for division in "XYZ":
        alone = stack_publications((p, a) for p, a in build(history) if p.division == division)
        assert alone.get(division, []) == everything.get(division, [])
