"""A linked table kept for the records that will join it.

Enters: a linked table; later, more records of other sources. Leaves: a folder with the records as codes, the scored
pairs, the clusters and the model; then the same for all the records together. Must hold: joining records to a set gives
the pairs and clusters of linking all of them at once with the set's model, and touches the records that are there only
where a new one reaches them. Placeholders are learned per source, so the records of a source join together. Refuses: a
folder whose files are not those of its manifest, or that other code wrote: link the records afresh.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migration.dedupe.blocking import Rule
from migration.dedupe.candidates import Candidates, Pairs, RuleReport, find_candidates
from migration.dedupe.clustering import Clusters, Guards, cluster_records
from migration.dedupe.compiled import BoolArray, IntArray
from migration.dedupe.golden import golden_ids
from migration.dedupe.increment import join_matrices
from migration.dedupe.matrix import Matrix, build_matrix, make_pool
from migration.dedupe.model import Model, read_model, write_model
from migration.dedupe.people import normalise_people
from migration.dedupe.placeholders import Placeholder, remove_placeholders
from migration.errors import SourceError
from migration.fingerprint import combine_hashes
from migration.layers import hash_file, write_json

ARRAYS = ("rows", "left", "right", "scores", "levels", "rules", "of", "ambiguous", "alarms", "component", "is_person")
TEXTS = ("record_ids", "values", "golden")


@dataclass(frozen=True)
class LinkedSet:
    """Linked records. Arrays are in order of record id."""

    matrix: Matrix
    model: Model
    rules: tuple[Rule, ...]
    candidates: Candidates
    clusters: Clusters
    golden: pa.Array
    is_person: BoolArray
    is_new: BoolArray | None = None
    """Records that joined last; None where all were linked at once."""
    model_file: bytes | None = None
    """The model's artefact as it was read; None where it was not read from a set."""

    def new_pairs(self) -> Pairs:
        """The pairs with a record that joined last."""
        pairs = self.candidates.pairs
        return pairs if self.is_new is None else pairs.take(self.is_new[pairs.left] | self.is_new[pairs.right])


def join_records(linked: LinkedSet, records: pa.Table, threads: int) -> tuple[LinkedSet, tuple[Placeholder, ...]]:
    """The set with more records, in the role vocabulary, linked into it; and what of theirs says nothing.

    Raises:
        SourceError: a record has no key, or one that another has, in the set or among the records, or a role that the
            set does not have.
    """
    people, placeholders = remove_placeholders(normalise_people(records, threads))
    _refuse_other_roles(linked, people)
    grown = add_people(linked, people, threads)
    before = linked.clusters.renumber(grown.old, len(grown.matrix))
    return cluster_grown(linked, grown, before, Guards(pseudo=~grown.is_person), threads), placeholders


@dataclass(frozen=True)
class Grown:
    """A set's records and others, compared but not yet clustered. `old` and `new` are their record numbers now."""

    matrix: Matrix
    candidates: Candidates
    old: IntArray
    new: IntArray
    is_person: BoolArray

    @property
    def is_new(self) -> BoolArray:
        """Which records joined."""
        found = np.zeros(len(self.matrix), dtype=np.bool_)
        found[self.new] = True
        return found


def add_people(linked: LinkedSet, people: pa.Table, threads: int) -> Grown:
    """A set's records with normalised records of other sources: coded with them, compared with them.

    Raises:
        SourceError: a record has no key, or one that another has, in the set or among the records.
    """
    own = build_matrix(people, tuple(linked.matrix.columns), threads)
    own = replace(own, numbers=linked.matrix.numbers)
    joined = join_matrices(linked.matrix, own, threads)
    is_new = np.zeros(len(joined.matrix), dtype=np.bool_)
    is_new[joined.new] = True
    before, reports = linked.candidates.pairs, linked.candidates.reports
    earlier = replace(before, left=joined.old[before.left], right=joined.old[before.right])
    candidates = find_candidates(joined.matrix, linked.model, linked.rules, threads, is_new, earlier, reports)
    is_person = np.ones(len(joined.matrix), dtype=np.bool_)
    is_person[joined.old] = linked.is_person
    by_id = pc.sort_indices(people.column("record_id").combine_chunks())
    is_person[joined.new] = np.asarray(people.column("is_person").combine_chunks().take(by_id))
    return Grown(joined.matrix, candidates, joined.old, joined.new, is_person)


def cluster_grown(linked: LinkedSet, grown: Grown, before: Clusters, guards: Guards, threads: int) -> LinkedSet:
    """The set that more records have joined, clustered.

    Args:
        before: the set's clusters, renumbered; `component` is -1 where they do not hold any more.
    """
    matrix, candidates = grown.matrix, grown.candidates
    clusters = cluster_records(matrix, linked.model, candidates.pairs, guards, threads, before)
    golden = _golden_ids(matrix, clusters, before, linked.golden, grown.old)
    parts = {"matrix": matrix, "candidates": candidates, "clusters": clusters, "golden": golden}
    return replace(linked, **parts, is_person=grown.is_person, is_new=grown.is_new)


def _refuse_other_roles(linked: LinkedSet, people: pa.Table) -> None:
    """Identifiers and extra columns are the table's own: the set cannot compare one that it was made without."""
    free = [c for c in people.column_names if c.startswith(("id_", "extra_")) and c not in linked.matrix.columns]
    if free:
        expected = "the roles of the linked set"
        raise SourceError("records to link into a set", f"roles {free}", expected, "Link all records afresh.")


def _golden_ids(matrix: Matrix, clusters: Clusters, before: Clusters, golden: pa.Array, old: IntArray) -> pa.Array:
    """Golden ids: those of clusters that had the same first record are as they were."""
    place = np.full(len(matrix), -1, dtype=np.int64)
    place[old] = np.arange(len(old))
    known = (before.of >= 0) & (before.of == clusters.of)
    fresh = np.flatnonzero(~known)
    heads, numbers = np.unique(clusters.of[fresh], return_inverse=True)
    ids = golden_ids(matrix.record_ids.take(pa.array(heads)), np.arange(len(heads), dtype=np.int32))
    source = place.copy()
    source[fresh] = len(golden) + numbers
    return pa.concat_arrays([golden, ids]).take(pa.array(source))


def save_linked_set(
    linked: LinkedSet,
    folder: Path,
    tables: Mapping[str, pa.Table] = MappingProxyType({}),
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write a set into a folder, in place of what it held; a killed write leaves the folder without its manifest.

    Args:
        tables: more to keep beside it (`read_kept_table`). facts: more for its manifest.
    """
    temporary = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    pairs, clusters, matrix = linked.candidates.pairs, linked.clusters, linked.matrix
    arrays = {**vars(pairs), **vars(clusters), "rows": matrix.rows, "is_person": linked.is_person}
    for name in ARRAYS:
        np.save(temporary / f"{name}.npy", arrays[name])
    texts = {"record_ids": matrix.record_ids, "values": matrix.pool.values, "golden": linked.golden}
    for name, table in {**{name: pa.table({name: texts[name]}) for name in TEXTS}, **tables}.items():
        with pa.ipc.new_file(temporary / f"{name}.arrow", table.schema) as writer:
            writer.write_table(table)
    if linked.model_file is None:
        write_model(linked.model, temporary / "model.json")
    else:  # writing tens of thousands of frequencies anew takes as long as joining some thousand records
        (temporary / "model.json").write_bytes(linked.model_file)
    written = {
        **facts,
        "code_version": linking_version(),
        "columns": list(matrix.columns),
        "numbers": sorted(matrix.numbers),
        "rules": [asdict(r) for r in linked.rules],
        "reports": [asdict(r) for r in linked.candidates.reports],
        "files": _hash_files(sorted(temporary.iterdir())),
    }
    write_json(temporary / "manifest.json", written)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def load_linked_set(folder: Path) -> LinkedSet:
    """The set of a folder.

    Raises:
        SourceError: no set there, files that are not those of its manifest, or a set that other code wrote.
    """
    facts = _read_manifest(folder)
    array = {name: np.load(folder / f"{name}.npy") for name in ARRAYS}
    text = {name: _read_text(folder, name) for name in TEXTS}
    columns = {str(c): place for place, c in enumerate(facts["columns"])}
    matrix = Matrix(text["record_ids"], columns, array["rows"], make_pool(text["values"]), frozenset(facts["numbers"]))
    pairs = Pairs(array["left"], array["right"], array["scores"], array["levels"], array["rules"])
    clusters = Clusters(array["of"], array["ambiguous"], array["alarms"], array["component"])
    rules = tuple(Rule(r["name"], tuple(r["columns"]), r["full_block"]) for r in facts["rules"])
    reports = tuple(RuleReport(**r) for r in facts["reports"])
    model = read_model(folder / "model.json")
    return LinkedSet(
        matrix=matrix,
        model=model,
        rules=rules,
        candidates=Candidates(pairs, reports),
        clusters=clusters,
        golden=text["golden"],
        is_person=array["is_person"],
        model_file=(folder / "model.json").read_bytes(),
    )


@lru_cache(maxsize=1)
def linking_version() -> str:
    """Hash of this package's source: what other code coded and scored is not joined to."""
    root = Path(__file__).resolve().parent
    files = sorted(p for p in root.rglob("*") if p.suffix in {".py", ".csv"})
    return combine_hashes(f"{p.relative_to(root)}={hash_file(p)}" for p in files)


def _hash_files(files: Sequence[Path]) -> dict[str, str]:
    """Name and hash of every file."""
    with ThreadPoolExecutor(max_workers=2) as workers:
        return dict(zip((f.name for f in files), workers.map(hash_file, files), strict=True))


def read_kept_table(folder: Path, name: str) -> pa.Table:
    """A table that was kept beside a set."""
    with pa.ipc.open_file(folder / f"{name}.arrow") as reader:
        return reader.read_all()


def _read_text(folder: Path, name: str) -> pa.Array:
    column = read_kept_table(folder, name).column(name)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def _read_manifest(folder: Path) -> Mapping[str, Any]:
    where = f"linked set {folder.name}"
    path = folder / "manifest.json"
    if not path.exists():
        raise SourceError(where, "no manifest.json", "a set that was written whole", "Link the records afresh.")
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts["code_version"] != linking_version():
        raise SourceError(where, "a set that other code wrote", "one of this version", "Link the records afresh.")
    now = _hash_files([folder / name for name in facts["files"]])
    changed = [name for name, digest in facts["files"].items() if now[name] != digest]
    if changed:
        raise SourceError(where, f"changed files {changed}", "those of the manifest", "Link the records afresh.")
    return dict(facts)
