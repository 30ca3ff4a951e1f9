"""Transferred reports name each other across divisions."""

from migration.synthetic.draws import Draws
from migration.synthetic.events import make_reports
from migration.synthetic.families import load_volumes
from migration.synthetic.transfers import crime_numbers, transfer_references

SEED, SCALE = 3, 0.0008


def test_transferred_reports_name_each_other() -> None:
    source: dict[str, str] = {}
    target: dict[str, str] = {}
    for volume in load_volumes():
        reports = make_reports(Draws(SEED, volume.division), volume.division, volume.count(SCALE))
        numbers = crime_numbers(volume, reports.recorded_at)
        assert len(set(numbers)) == len(numbers)
        came_from, went_to = transfer_references(SEED, SCALE, reports)
        source |= {n: f for n, f in zip(numbers, came_from, strict=True) if f}
        target |= {n: t for n, t in zip(numbers, went_to, strict=True) if t}
        assert all(status == "TRANSFERRED" for status, t in zip(reports.status, went_to, strict=True) if t)
    assert len(target) > 50
    assert {(giver, taker) for giver, taker in target.items()} == {(giver, taker) for taker, giver in source.items()}
