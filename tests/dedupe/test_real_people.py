"""Figures on open data with truth, at the default thresholds, without training by a person."""

import pyarrow as pa
import pytest

from migration.dedupe.evaluation import Evaluation
from migration.dedupe.files import link_records
from migration.dedupe.model import MODELS_FOLDER
from migration.dedupe.roles import read_records
from migration.dedupe.thresholds import choose_thresholds, evidence_section, is_tuning, report_lines
from migration.settings import get_settings

HISTORICAL_TITLE = "Historical people (open data, historical_people_half.parquet)"
HISTORICAL = {
    "unique_id": "record_id",
    "cluster": "truth",
    "full_name": "full_name",
    "first_and_surname": "ignore",
    "first_name": "forename",
    "surname": "surname",
    "dob": "dob",
    "birth_place": "place_of_birth",
    "postcode_fake": "postcode",
    "gender": "sex",
    "occupation": "occupation",
}
FEBRL = {
    "rec_id": "record_id",
    "given_name": "forename",
    "surname": "surname",
    "street_number": "address",
    "address_1": "address",
    "address_2": "extra:address_2",
    "suburb": "locality",
    "postcode": "postcode",
    "state": "extra:state",
    "date_of_birth": "dob",
    "soc_sec_id": "identifier:ssn",
}
pytestmark = pytest.mark.real_data


def open_data(name: str):
    path = get_settings().real_data / name
    if not path.exists():
        pytest.skip(f"{name} is not in MIGRATION_REAL_DATA")
    return path


def check(evaluation: Evaluation | None) -> Evaluation:
    assert evaluation is not None
    assert evaluation.pair_precision.value >= 0.995
    assert evaluation.largest_cluster <= 2 * evaluation.largest_person
    return evaluation


def test_historical_people_held_out_half():
    records, truth = read_records(open_data("historical_people_half.parquet"), HISTORICAL)
    chosen = pa.array([not is_tuning(str(c)) for c in truth.to_pylist()])
    figures = check(link_records(records.filter(chosen), 2, None, truth.filter(chosen)).evaluation)
    assert figures.pair_f1.value >= 0.83
    assert figures.cubed_f1.value >= 0.91


def test_the_committed_evidence_is_what_the_historical_people_give():
    records, truth = read_records(open_data("historical_people_half.parquet"), HISTORICAL)
    found = report_lines(choose_thresholds(records, truth, 2), HISTORICAL_TITLE)
    committed = evidence_section(MODELS_FOLDER / "thresholds.md", HISTORICAL_TITLE)
    assert "\n".join(committed).strip() == "\n".join(found).strip()


@pytest.mark.parametrize("name", ["febrl1.csv", "febrl2.csv"])
def test_febrl(name):
    records, _ = read_records(open_data(name), FEBRL)
    truth = pa.array([r.split("-")[1] for r in records["record_id"].to_pylist()])
    figures = check(link_records(records, 2, None, truth).evaluation)
    assert figures.cubed_f1.value >= 0.999
