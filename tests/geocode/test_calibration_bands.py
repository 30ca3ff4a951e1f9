"""Stated confidence against what it reached, on a small SYNTHETIC gazetteer whose seeds the calibration never saw."""

import pytest
from benchmarks.gazetteer_factory import write_gazetteer
from benchmarks.labelled_addresses import address_errors, scottish, split_gazetteer, write_labelled

from migration.geocode.calibrate import Evaluation, evaluate, read_labels
from migration.geocode.gazetteer.build import build_gazetteer
from migration.geocode.gazetteer.index import load_gazetteer
from migration.geocode.match import Matcher
from migration.settings import Settings

LEAST = 100
"""Matches from which a band is judged."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evaluation]:
    folder = tmp_path_factory.mktemp("bands")
    write_gazetteer(folder / "full.csv", 8_000, 4242)
    rows = split_gazetteer(folder / "full.csv", folder / "gazetteer.csv", 42)
    write_labelled(folder / "scottish.csv", scottish(rows, 2_000, 4243, 42))
    write_labelled(folder / "errors.csv", address_errors(rows, 2_000, 4244, 42, None))
    settings = Settings(home=folder / "home", threads=1, memory_limit="1GB")
    build_gazetteer(settings, [folder / "gazetteer.csv"], None, "bands")
    matcher = Matcher(load_gazetteer(settings, "bands"))
    return {kind: evaluate(matcher, read_labels(folder / f"{kind}.csv"), 1)[0] for kind in ("scottish", "errors")}


@pytest.mark.parametrize("kind", ["scottish", "errors"])
def test_no_uprn_is_asserted_wrongly(results: dict[str, Evaluation], kind: str) -> None:
    result = results[kind]
    assert result.wrong_of_matchable <= 1
    assert result.false_on_absent <= 2
    assert result.recall > 0.88


@pytest.mark.parametrize("kind", ["scottish", "errors"])
def test_every_band_reaches_what_it_states(results: dict[str, Evaluation], kind: str) -> None:
    judged = {band: cell for band, cell in results[kind].bands.items() if cell[0] >= LEAST}
    assert judged
    for band, (seen, right) in judged.items():
        assert right / seen >= float(band.removesuffix("+")), (band, seen, right)
