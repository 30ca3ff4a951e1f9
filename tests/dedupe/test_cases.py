"""The hard cases of cases.yml, each linked alone through the stage."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from migration.dedupe.judgements import empty_judgements
from migration.dedupe.stage import link_nominals
from migration.layers import layer_folder
from migration.records import Layer

CASES = yaml.safe_load(Path(__file__).with_name("cases.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"].replace(" ", "-"))
def test_hard_case(case, write_run, people):
    context = write_run("D", [people("a", **case["left"]), people("b", **case["right"])])
    link_nominals(context, [], empty_judgements())
    links = pq.read_table(layer_folder(context, Layer.LINKED) / "national_link.parquet")
    assert len(set(links["golden_id"].to_pylist())) == {"same": 1, "apart": 2}[case["expected"]], case["why"]
