"""Stated confidence against what it reached, on a small SYNTHETIC gazetteer whose seeds the calibration never saw."""

from pathlib import Path

from benchmarks.gazetteer_factory import write_gazetteer
from benchmarks.labelled_addresses import scottish, split_gazetteer, write_labelled

from migration.geocode.calibrate import evaluate, read_labels
from migration.geocode.confidence import wilson_lower
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.match import Matcher
from migration.settings import Settings

LEAST = 40
"""Matches from which a band is judged."""


def test_no_band_reaches_less_than_it_states_and_no_uprn_is_asserted_wrongly(tmp_path: Path) -> None:
    write_gazetteer(tmp_path / "full.csv", 8_000, 4242)
    rows = split_gazetteer(tmp_path / "full.csv", tmp_path / "gazetteer.csv", 42)
    write_labelled(tmp_path / "labels.csv", scottish(rows, 1_500, 4243, 42))
    settings = Settings(home=tmp_path / "home", threads=1, memory_limit="1GB")
    build_gazetteer(settings, [tmp_path / "gazetteer.csv"], None, "bands")
    labels = read_labels(tmp_path / "labels.csv")
    result, _ = evaluate(Matcher(load_gazetteer(settings, "bands")), labels, 1)
    assert result.wrong_of_matchable <= 1
    assert result.false_on_absent <= 2
    assert result.recall > 0.9
    judged = {band: (seen, right) for band, (seen, right) in result.bands.items() if seen >= LEAST}
    assert judged
    for band, (seen, right) in judged.items():
        highest = 1 - wilson_lower(seen - right, seen)
        assert highest >= float(band.removesuffix("+")), (band, seen, right)
