"""The gate's criteria as their file states them."""

from pathlib import Path

import pytest
import yaml

from migration.cutover.gates_file import KINDS, load_gates
from migration.cutover.measures import MEASURES
from migration.errors import ConfigError
from migration.settings import Settings

GOOD = {
    "id": "one", "title": "t", "kind": "ledger", "why": "w", "fix": "f", "source": "s",
    "green": {"rows": 0}, "amber": {"rows": 5},
}  # fmt: skip


def write(settings: Settings, folder: Path, criteria: object) -> Settings:
    (folder / "gates.yml").write_text(yaml.safe_dump({"version": "1", "criteria": criteria}), encoding="utf-8")
    return settings.model_copy(update={"expectations": folder})


def test_load_gates_of_the_project_uses_every_measure_once_or_more(settings: Settings) -> None:
    specs = load_gates(settings)
    assert {spec.kind for spec in specs} == set(KINDS) == set(MEASURES)
    assert all(spec.why and spec.fix and spec.source for spec in specs)


def test_load_gates_keeps_order_and_bounds(settings: Settings, tmp_path: Path) -> None:
    specs = load_gates(write(settings, tmp_path, [{**GOOD, "id": "b"}, {**GOOD, "id": "a"}]))
    assert [spec.criterion_id for spec in specs] == ["b", "a"]
    assert specs[0].green.rows == 0 and specs[0].amber is not None and specs[0].amber.rows == 5


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "guess"}, "unknown kind guess"),
        ({"why": ""}, "no why"),
        ({"source": 3}, "no source"),
        ({"colour": "red"}, "unknown key colour"),
        ({"green": None}, "no green bound"),
        ({"green": {"rows": -1}}, "rows is no number of 0 or more"),
        ({"green": {"rows": True}}, "rows is no number"),
        ({"green": {"percent": "1"}}, "percent is no number"),
        ({"green": {"days": 1}}, "unknown key days"),
        ({"green": {"rows": 9}}, "amber bound is stricter"),
    ],
)
def test_load_gates_when_a_criterion_is_wrong_names_it(
    settings: Settings, tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_gates(write(settings, tmp_path, [{**GOOD, **change}]))


def test_load_gates_names_every_problem_at_once(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown kind x.*no why.*id used twice"):
        load_gates(write(settings, tmp_path, [{**GOOD, "kind": "x"}, {**GOOD, "why": " "}]))


@pytest.mark.parametrize("content", ["", "criteria: []", "criteria: 3", "- one", "criteria: [one]", "a: [b"])
def test_load_gates_when_the_file_is_no_list_of_criteria_says_so(
    settings: Settings, tmp_path: Path, content: str
) -> None:
    (tmp_path / "gates.yml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"gates\.yml"):
        load_gates(settings.model_copy(update={"expectations": tmp_path}))


def test_load_gates_without_a_file_says_so(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        load_gates(settings.model_copy(update={"expectations": tmp_path}))
