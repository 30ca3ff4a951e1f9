"""Shares that the gate's measures compute."""

from migration.cutover.measures import FEW_RECORDS, _quarantine_shares


def test_quarantine_shares_take_small_entities_of_a_system_together() -> None:
    shares = _quarantine_shares(
        [("s", "big", 1000, 10), ("s", "small", 20, 2), ("s", "tiny", 80, 0), ("t", "x", 10, 1)]
    )
    assert shares == {"s/big": 1.0, "s/entities with few records": 2.0, "t/entities with few records": 10.0}


def test_quarantine_shares_of_an_entity_with_enough_records_stand_alone() -> None:
    shares = _quarantine_shares([("s", "a", FEW_RECORDS, FEW_RECORDS // 2), ("s", "b", 10 * FEW_RECORDS, 0)])
    assert shares == {"s/a": 50.0, "s/b": 0.0}
