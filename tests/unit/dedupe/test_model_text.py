"""The model's artefact and version: tables of frequencies are written as `json.dumps` would, without its cost."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from migration.dedupe.levels import LINKAGE_COLUMNS, untrained_model
from migration.dedupe.model import model_to_json, read_model, write_model

TABLES = {"surname": {"O'NEIL": 0.1, "MÜLLER": 0.25, 'A "B"\\': 0.1, "ZED": 1e-7}, "forename": {}, "middle": {"A": 1.0}}


def test_version_is_the_hash_of_the_whole_content_as_json() -> None:
    model = replace(untrained_model(frozenset(LINKAGE_COLUMNS)), frequencies=TABLES)
    content = {k: v for k, v in model_to_json(model).items() if k not in {"name", "notes"}}
    whole = json.dumps(content, sort_keys=True)
    assert model.version == hashlib.sha256(whole.encode()).hexdigest()[:16]


def test_written_model_has_every_frequency_when_read_again(tmp_path: Path) -> None:
    model = replace(untrained_model(frozenset(LINKAGE_COLUMNS)), frequencies=TABLES)
    write_model(model, tmp_path / "model.json")
    again = read_model(tmp_path / "model.json")
    assert {k: dict(v) for k, v in again.frequencies.items()} == TABLES
    assert again.version == model.version
