"""The families as data: which writer each has, its source system, codes, divisions and volumes.

Enters: `data/divisions.csv`, `data/families/*.yml`. Leaves: `Family` and `DivisionVolume`. Must hold: nothing in the
package's code names a family or a division; adding one to an existing writer is a YAML file and a CSV row.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from migration.errors import ConfigError
from migration.synthetic.places import DATA, read_rows

DEMO_SCALE = 0.0035


@dataclass(frozen=True)
class DivisionVolume:
    """A division's family, its reports at full volume and in a demo, and the pattern of its crime numbers."""

    division: str
    family: str
    reports: int
    demo_reports: int
    crime_no: str

    def count(self, scale: float | None) -> int:
        """Reports at a scale; the demo's where none is given."""
        return self.demo_reports if scale is None else max(20, round(self.reports * scale))


@dataclass(frozen=True)
class Family:
    """One legacy family. `codes` goes from national code to local value, by list; `options` are its writer's own."""

    name: str
    writer: str
    source_system: str
    has_nominal_index: bool
    file: str
    codes: dict[str, dict[str, str]]
    divisions: tuple[DivisionVolume, ...]
    options: dict[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=1)
def load_volumes() -> tuple[DivisionVolume, ...]:
    """All divisions with their volumes, by letter."""
    return tuple(
        DivisionVolume(r["division"], r["family"], int(r["reports"]), int(r["demo_reports"]), r["crime_no"])
        for r in read_rows("divisions.csv")
    )


def list_families() -> tuple[str, ...]:
    """Names of the families that can be built."""
    return tuple(sorted(p.stem for p in (DATA / "families").glob("*.yml")))


def load_family(name: str) -> Family:
    """A family by name.

    Raises:
        ConfigError: there is no such family.
    """
    path = DATA / "families" / f"{name}.yml"
    if not path.exists():
        known = ", ".join(list_families())
        raise ConfigError(
            f"synthetic family {name}", "no description", f"one of {known}", "Name one of these families."
        )
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Family(
        name=name,
        writer=raw.pop("writer"),
        source_system=raw.pop("source_system"),
        has_nominal_index=raw.pop("has_nominal_index"),
        file=raw.pop("file"),
        codes=raw.pop("codes"),
        divisions=tuple(v for v in load_volumes() if v.family == name),
        options=raw,
    )


def national_pool(scale: float | None) -> int:
    """Size of the pool of people who turn up in several divisions."""
    total = sum(v.reports for v in load_volumes())
    return max(200, round(total * (DEMO_SCALE if scale is None else scale) * 0.02))
