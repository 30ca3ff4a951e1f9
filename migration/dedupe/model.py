"""The linkage model: what is compared, in which named levels, and how much each level weighs.

Enters: a JSON artefact (`models/*.json`, or one that `dedupe file` or training wrote). Leaves: frozen values. The model
holds everything a pair's score depends on besides the pair: level probabilities, term frequencies and thresholds.
Must hold: a comparison's levels are tried in order and the first that applies counts; the last always applies.
Refuses: a model whose levels cannot be evaluated, naming the comparison and the level.

Scores are match weights: log2 of the odds that the pair is one person. A level adds log2(m / u): m is its share among
pairs of one person, u among pairs of two. A level with a term-frequency column uses, in place of u, how common the
value is: log2(m / u) + tf_weight * log2(u / frequency), the frequency of the commoner value of the two, at least
`tf_floor` (Fellegi and Sunter 1969; Winkler 2000; as Splink does, so that its models give the same scores here).
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from json.encoder import encode_basestring, encode_basestring_ascii
from pathlib import Path
from types import MappingProxyType
from typing import Any

from migration.errors import ConfigError

MODELS_FOLDER = Path(__file__).resolve().parent / "models"
DEFAULT_MODEL = MODELS_FOLDER / "people.json"
FORMAT = "linkage-model/1"


class Operation(StrEnum):
    """What a test asks of the left record's column and the right record's."""

    ALWAYS = "always"
    MISSING = "missing"
    EQUAL = "equal"
    ANY_EQUAL = "any_equal"
    JARO_WINKLER = "jaro_winkler"
    JARO = "jaro"
    LEVENSHTEIN = "levenshtein"
    ALIGNMENT = "optimal_string_alignment"
    DAMERAU = "damerau_levenshtein"
    INITIAL = "initial"
    DATE_DIGIT = "date_digit"
    DATE_SWAPPED = "date_swapped"
    DATE_MONTH = "date_month"
    DATE_DAY = "date_day_and_month"
    DATE_YEARS = "date_years"
    DATE_NEW_YEAR = "date_first_of_january"


STRING_OPERATIONS = frozenset(
    {
        Operation.JARO_WINKLER,
        Operation.JARO,
        Operation.LEVENSHTEIN,
        Operation.ALIGNMENT,
        Operation.DAMERAU,
        Operation.INITIAL,
    }
)


@dataclass(frozen=True)
class Condition:
    """One condition: `operation` on column `left` of one record and `right` of the other, against `at`."""

    operation: Operation
    left: str = ""
    right: str = ""
    at: float = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(c for c in (self.left, self.right) if c)


@dataclass(frozen=True)
class Level:
    """One named level. It applies where all tests of any of `when` hold. m and u are None where it weighs nothing."""

    name: str
    when: tuple[tuple[Condition, ...], ...]
    m: float | None = None
    u: float | None = None
    tf: str = ""
    tf_weight: float = 1.0
    tf_floor: float = 0.0
    tf_u: float | None = None

    @property
    def usual_frequency(self) -> float:
        """What a value's frequency is held against: `tf_u` (u of the exact level, in Splink's fuzzy levels) or u."""
        return self.tf_u or self.u or 1.0

    @property
    def weight(self) -> float:
        """Match weight in bits, before term frequency."""
        if self.m is None or self.u is None:
            return 0.0
        return math.log2(max(self.m, 1e-12) / max(self.u, 1e-12))

    @property
    def is_missing(self) -> bool:
        """Whether the level says that there is nothing to compare."""
        return self.m is None


@dataclass(frozen=True)
class Comparison:
    """One aspect of a person, in levels from the strongest agreement to the rest."""

    name: str
    levels: tuple[Level, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns its levels read."""
        return frozenset(c for level in self.levels for tests in level.when for t in tests for c in t.columns)

    @property
    def own_columns(self) -> frozenset[str]:
        """The columns it compares with themselves: not those a swapped name is looked for in."""
        tests = (t for level in self.levels for group in level.when for t in group)
        return frozenset(t.left for t in tests if t.left and t.left == t.right)

    @property
    def rest(self) -> Level:
        """The last level: nothing agrees."""
        return self.levels[-1]


@dataclass(frozen=True)
class Thresholds:
    """Match weights (bits) and limits that turn scores into decisions. The model's `notes` say what chose them.

    Attributes:
        floor: pairs below it are not kept at all.
        review: from here a pair that is not linked is worth a person's look.
        cohesion: mean weight over all pairs of two groups that joins them.
        support: no pair inside a golden nominal may weigh less.
        lowest: a pair counts at least this in a mean, so that one bad pair does not outweigh many good ones.
        highest: and at most this, so that one strong pair does not carry two groups that otherwise disagree.
        caution: most that a pair with a caution counts.
        margin: a group that fits two groups, which do not fit each other, within this margin joins neither.
        largest_component: more connected records than this are first parted by a higher threshold.
        largest_cluster: a golden nominal never grows beyond this by itself.
    """

    floor: float = -4.0
    review: float = 0.0
    cohesion: float = -1.0
    support: float = -20.0
    lowest: float = -6.0
    highest: float = 10.0
    caution: float = -3.0
    margin: float = 0.5
    largest_component: int = 250
    largest_cluster: int = 100


@dataclass(frozen=True)
class LevelSet:
    """A combination of outcomes: it holds for a pair whose level is among those named, for every comparison named."""

    name: str
    levels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Household:
    """What relatives under one roof look like (`household.py`).

    Attributes:
        prior: log2 of the odds that two records of one surname and one home are one person.
        chances: per comparison that surname and home do not settle, u of every level between two relatives.
    """

    prior: float
    chances: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Model:
    """A versioned linkage model."""

    name: str
    prior: float
    comparisons: tuple[Comparison, ...]
    thresholds: Thresholds = Thresholds()
    frequencies: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unseen: Mapping[str, float] = field(default_factory=dict)
    vetoes: tuple[LevelSet, ...] = ()
    cautions: tuple[LevelSet, ...] = ()
    notes: tuple[str, ...] = ()
    household: Household | None = None

    @property
    def version(self) -> str:
        """First 16 hex characters of the hash of everything scores and decisions depend on."""
        content = {k: v for k, v in model_to_json(self).items() if k not in {"name", "notes"}}
        tables = ", ".join(f"{json.dumps(c)}: {_table_text(t)}" for c, t in content.pop("frequencies").items())
        texts = {k: json.dumps(v, sort_keys=True) for k, v in content.items()} | {"frequencies": f"{{{tables}}}"}
        whole = "{" + ", ".join(f'"{k}": {text}' for k, text in sorted(texts.items())) + "}"
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that scores depend on, sorted."""
        return tuple(sorted(frozenset().union(*(c.columns for c in self.comparisons))))

    @property
    def frequency_columns(self) -> tuple[str, ...]:
        """Columns whose values carry term frequencies, sorted."""
        return tuple(sorted({level.tf for c in self.comparisons for level in c.levels if level.tf}))

    def against_relatives(self) -> "Model | None":
        """The model that weighs one person against two of one household; None where it knows no households.

        Rarity counts only where relatives agree no more often than strangers: a rare place of birth tells families
        apart, not brothers.
        """
        if self.household is None:
            return None
        chances = self.household.chances
        kept = tuple(
            replace(c, levels=tuple(_between_relatives(level, chances[c.name]) for level in c.levels))
            for c in self.comparisons
            if c.name in chances
        )
        return replace(self, prior=self.household.prior, comparisons=kept, household=None)

    def restrict(self, present: frozenset[str]) -> "Model":
        """The model without comparisons that have no column to read: what a table without those columns can use."""
        return replace(self, comparisons=tuple(c for c in self.comparisons if _main_column(c) in present))


RELATED = 2.0
"""Relatives agree on a level more often than strangers if its u between them is this many times the usual one."""


def _between_relatives(level: Level, chances: Mapping[str, float]) -> Level:
    if level.is_missing:
        return level
    u = chances[level.name]
    if level.tf and u > RELATED * level.usual_frequency:
        return replace(level, u=u, tf="")
    return replace(level, u=u, tf_u=u if level.tf else None)


def _main_column(comparison: Comparison) -> str:
    missing = [
        t for level in comparison.levels for tests in level.when for t in tests if t.operation is Operation.MISSING
    ]
    return missing[0].left if missing else sorted(comparison.columns)[0]


def prior_weight(probability: float) -> float:
    """Match weight of a probability."""
    return math.log2(probability / (1.0 - probability))


def read_model(path: Path = DEFAULT_MODEL) -> Model:
    """The model of a JSON artefact.

    Raises:
        ConfigError: no such file, not JSON, or not a linkage model; the message names what to repair.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        where = f"linkage model {path.name}"
        raise ConfigError(where, type(error).__name__, "a readable JSON file", "Check the path.") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        expected = f'a JSON object with "format": "{FORMAT}"'
        raise ConfigError(f"linkage model {path.name}", "another format", expected, "Import Splink models first.")
    return model_from_json(raw, path.name)


def model_from_json(raw: Mapping[str, Any], where: str) -> Model:
    """The model of a parsed artefact.

    Raises:
        ConfigError: a key is missing or a test is unknown.
    """
    try:
        comparisons = tuple(
            Comparison(c["name"], tuple(_level_from_json(level) for level in c["levels"])) for c in raw["comparisons"]
        )
        model = Model(
            name=raw["name"],
            prior=float(raw["prior"]),
            comparisons=comparisons,
            thresholds=Thresholds(**raw.get("thresholds", {})),
            frequencies=MappingProxyType({k: MappingProxyType(dict(v)) for k, v in raw.get("frequencies", {}).items()}),
            unseen=MappingProxyType(dict(raw.get("unseen", {}))),
            vetoes=tuple(_level_set_from_json(v) for v in raw.get("vetoes", ())),
            cautions=tuple(_level_set_from_json(v) for v in raw.get("cautions", ())),
            notes=tuple(raw.get("notes", ())),
            household=_household_from_json(raw["household"]) if raw.get("household") else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        found = f"{type(error).__name__} at {error}"
        place = f"linkage model {where}"
        raise ConfigError(place, found, "a complete model", "Write it with training again.") from error
    _check(model, where)
    return model


def _check(model: Model, where: str) -> None:
    for comparison in model.comparisons:
        last = comparison.rest.when
        if not any(all(t.operation is Operation.ALWAYS for t in tests) for tests in last):
            place = f"linkage model {where}, comparison {comparison.name}"
            raise ConfigError(place, "a last level with a test", "a last level that always applies", "Add one.")


def _household_from_json(raw: Mapping[str, Any]) -> Household:
    return Household(
        float(raw["prior"]), MappingProxyType({k: MappingProxyType(dict(v)) for k, v in raw["chances"].items()})
    )


def _level_set_from_json(raw: Mapping[str, Any]) -> LevelSet:
    return LevelSet(raw["name"], MappingProxyType({k: tuple(v) for k, v in sorted(raw["levels"].items())}))


def _level_set_to_json(combination: LevelSet) -> dict[str, Any]:
    return {"name": combination.name, "levels": {k: list(v) for k, v in combination.levels.items()}}


def _level_from_json(raw: Mapping[str, Any]) -> Level:
    tests = tuple(
        tuple(
            Condition(Operation(t["operation"]), t.get("left", ""), t.get("right", ""), float(t.get("at", 0)))
            for t in group
        )
        for group in raw["when"]
    )
    return Level(
        name=raw["name"],
        when=tests,
        m=raw.get("m"),
        u=raw.get("u"),
        tf=raw.get("tf", ""),
        tf_weight=float(raw.get("tf_weight", 1.0)),
        tf_floor=float(raw.get("tf_floor", 0.0)),
        tf_u=raw.get("tf_u"),
    )


def _level_to_json(level: Level) -> dict[str, Any]:
    whole = [[asdict(replace(t, at=float(t.at))) for t in tests] for tests in level.when]
    groups = [[{k: v for k, v in t.items() if v} for t in tests] for tests in whole]
    raw: dict[str, Any] = {"name": level.name, "when": groups}
    raw |= {"m": level.m, "u": level.u} if level.m is not None else {}
    if level.tf:
        raw |= {"tf": level.tf, "tf_weight": level.tf_weight, "tf_floor": level.tf_floor}
        raw |= {"tf_u": level.tf_u} if level.tf_u else {}
    return raw


def model_to_json(model: Model) -> dict[str, Any]:
    """The model as its JSON artefact."""
    household = model.household
    chances = {k: dict(v) for k, v in household.chances.items()} if household else {}
    return {
        "format": FORMAT,
        "name": model.name,
        "prior": model.prior,
        "comparisons": [
            {"name": c.name, "levels": [_level_to_json(level) for level in c.levels]} for c in model.comparisons
        ],
        "thresholds": asdict(model.thresholds),
        "vetoes": [_level_set_to_json(v) for v in model.vetoes],
        "cautions": [_level_set_to_json(c) for c in model.cautions],
        "frequencies": {k: dict(sorted(v.items())) for k, v in sorted(model.frequencies.items())},
        "unseen": dict(sorted(model.unseen.items())),
        "notes": list(model.notes),
        "household": {"prior": household.prior, "chances": chances} if household else None,
    }


def write_model(model: Model, path: Path) -> None:
    """Write the model's artefact."""
    raw = model_to_json(model)
    # Frequencies have a line per column: indented, hundreds of thousands of values would take longer than linking.
    tables = [f"  {json.dumps(c)}: {_table_text(t, encode_basestring)}" for c, t in raw["frequencies"].items()]
    text = json.dumps({**raw, "frequencies": {}}, indent=1, ensure_ascii=False)
    if tables:
        text = text.replace('\n "frequencies": {},', '\n "frequencies": {\n' + ",\n".join(tables) + "\n },", 1)
    path.write_text(text + "\n", encoding="utf-8")


def _table_text(table: Mapping[str, float], encode: Callable[[str], str] = encode_basestring_ascii) -> str:
    """A frequency table as JSON, in its order: most values share their frequency with others, which is written once."""
    numbers = {share: json.dumps(share) for share in set(table.values())}
    return "{" + ", ".join([f"{encode(value)}: {numbers[share]}" for value, share in table.items()]) + "}"
