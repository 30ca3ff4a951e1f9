"""The linked national set, kept between runs.

Enters: the nominals of some runs, linked. Leaves: a folder under `home/linked-sets`, named by what it was made from:
the content of the runs' mapped and located layers, the model, the code. Must hold: a set is read whole or not at all
(its manifest has the hash of every file, and is written last); what is read gives what linking those runs from nothing
gives; a set that is gone, damaged or of other code is made again. At most `KEPT` sets stay, those used last. Refuses
nothing: no set is an answer.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from migration.dedupe.compiled import BoolArray, LongArray
from migration.dedupe.linked_set import LinkedSet, load_linked_set, read_kept_table, save_linked_set
from migration.dedupe.model import Model
from migration.dedupe.placeholders import Placeholder
from migration.errors import SourceError
from migration.fingerprint import combine_hashes
from migration.layers import code_version, read_manifest
from migration.records import Layer, RunContext
from migration.settings import Settings

KEPT = 6
"""The set in force and those that divisions in rehearsal would make of it; about 400 MB per million nominals each."""
TABLES = ("nominals", "together", "apart")


@dataclass(frozen=True)
class NationalSet:
    """The nominals of some runs, linked. Arrays are in order of nominal id.

    Attributes:
        runs: division and fingerprint of the runs it holds.
        nominals: what guards need of every nominal: `source`, `verified_<type>`, until when it is careful.
        placeholders: what was left out because it says nothing.
        together, apart, careful: the guards that the clusters were made under.
        arrived, reused: nominals that joined, and pairs that stayed, since the set was read.
    """

    linked: LinkedSet
    runs: Mapping[str, str]
    nominals: pa.Table
    placeholders: tuple[Placeholder, ...]
    together: LongArray
    apart: LongArray
    careful: BoolArray
    arrived: int = 0
    reused: int = 0


def run_fingerprints(runs: Sequence[RunContext]) -> dict[str, str]:
    """Hash, per division, of the content that linking reads of a run.

    Raises:
        SourceError: a run's mapped or located layer is missing or damaged.
    """
    layers = (Layer.MAPPED, Layer.LOCATED)
    return {r.division: combine_hashes(read_manifest(r, layer).content_hash for layer in layers) for r in runs}


def set_key(runs: Mapping[str, str], model: Model) -> str:
    """Name of the set of some runs: the same content, model and code give the same name."""
    parts = [f"{division}={fingerprint}" for division, fingerprint in sorted(runs.items())]
    return combine_hashes([*parts, model.version, code_version()])[:32]


def find_national_set(settings: Settings, runs: Mapping[str, str], model: Model) -> NationalSet | None:
    """The kept set with the most of these runs and none other; None where there is none that can be read."""
    with _locked(settings, fcntl.LOCK_SH):
        for folder in _usable_folders(settings, runs, model):
            try:
                found = _load(folder, model)
            except (SourceError, OSError, ValueError, KeyError):
                continue  # damaged, or of another layout: as good as none
            os.utime(folder)
            return found
    return None


def save_national_set(settings: Settings, national: NationalSet) -> None:
    """Keep a set, in place of the one used longest ago where there are too many."""
    folder = settings.linked_sets / set_key(national.runs, national.linked.model)
    with _locked(settings, fcntl.LOCK_EX):
        _remove_unfinished(settings)
        pairs = {"together": national.together, "apart": national.apart}
        tables = {name: pa.table({"pair": pa.array(keys, pa.int64())}) for name, keys in pairs.items()}
        nominals = national.nominals.append_column("is_careful", pa.array(national.careful))
        facts = {
            "national_code": code_version(),
            "model_version": national.linked.model.version,
            "runs": dict(national.runs),
            "placeholders": [asdict(p) for p in national.placeholders],
            "security_marking": settings.security_marking,
        }
        save_linked_set(national.linked, folder, {"nominals": nominals, **tables}, facts)
        for stale in _by_last_use(settings)[KEPT:]:
            shutil.rmtree(stale)


def _load(folder: Path, model: Model) -> NationalSet:
    linked = replace(load_linked_set(folder), model=model)
    facts = _read_facts(folder)
    kept = {name: read_kept_table(folder, name) for name in TABLES}
    nominals = kept["nominals"]
    return NationalSet(
        linked=linked,
        runs=dict(facts["runs"]),
        nominals=nominals.drop_columns("is_careful"),
        placeholders=tuple(Placeholder(**p) for p in facts["placeholders"]),
        together=np.asarray(kept["together"].column("pair"), dtype=np.int64),
        apart=np.asarray(kept["apart"].column("pair"), dtype=np.int64),
        careful=np.asarray(nominals.column("is_careful")).astype(np.bool_),
        reused=len(linked.candidates.pairs),
    )


def _usable_folders(settings: Settings, runs: Mapping[str, str], model: Model) -> list[Path]:
    """Folders of sets of this code and model that hold some of these runs and no other, the most runs first."""
    found = []
    for folder in _by_last_use(settings):
        facts = _read_facts(folder)
        if facts.get("national_code") != code_version() or facts.get("model_version") != model.version:
            continue
        if dict(facts["runs"]).items() <= runs.items():
            found.append((-len(facts["runs"]), folder.name, folder))
    return [folder for *_, folder in sorted(found)]


def _read_facts(folder: Path) -> Mapping[str, Any]:
    """The manifest of a set; empty where it cannot be read."""
    try:
        return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _by_last_use(settings: Settings) -> list[Path]:
    folders = [p for p in settings.linked_sets.iterdir() if p.is_dir() and not p.name.startswith(".")]
    return sorted(folders, key=lambda p: (-p.stat().st_mtime_ns, p.name))


def _remove_unfinished(settings: Settings) -> None:
    """What killed writes left; the caller holds the lock, so no writer is at work."""
    for folder in settings.linked_sets.glob(".*.writing"):
        shutil.rmtree(folder)


@contextmanager
def _locked(settings: Settings, kind: int) -> Iterator[None]:
    """Hold the lock of all sets: many read, or one writes and clears. A killed process lets go of it."""
    settings.linked_sets.mkdir(parents=True, exist_ok=True)
    with (settings.linked_sets / ".lock").open("a") as file:
        fcntl.flock(file, kind)
        yield
