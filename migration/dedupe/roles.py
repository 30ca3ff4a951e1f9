"""Which column of a table means what.

Enters: a roles file (YAML) and a table (Parquet or CSV). Leaves: the table in the role vocabulary that `people.py`
reads. Must hold: every column of the table has a role or is listed as `ignore`. Refuses: an unknown role or column,
naming the nearest one.

    columns:
      person_no: record_id
      christian_name: forename
      nhs_no: "identifier:nhs"
      hair_colour: "extra:hair"
      notes: ignore
"""

import difflib
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import yaml

from migration.dedupe.checks import is_check_right
from migration.errors import ConfigError, SourceError

ROLES: Mapping[str, str] = {
    "record_id": "the record's key, unique; needed once",
    "source": "division or system it came from; placeholders are learned per source",
    "nominal_type": "PERSON, ORG or PSEUDO",
    "forename": "first forename",
    "middle": "further forenames",
    "surname": "surname",
    "full_name": "the whole name in one column",
    "former_surname": "maiden or former surname",
    "alias_surname": "surname of an alias",
    "alias_forename": "forename of an alias",
    "dob": "date of birth: a date, or text (ISO, day first, YYYYMMDD, year only)",
    "sex": "M/F, MALE/FEMALE or 1/2",
    "postcode": "postcode",
    "uprn": "UPRN of the home",
    "address": "address text; several columns are joined in order",
    "locality": "town, suburb or locality",
    "place_of_birth": "place of birth",
    "occupation": "occupation",
    "phone": "telephone number",
    "identifier:<kind>": "a number of one person; left out if its check fails (pnc, cro, scro, chi, nhs)",
    "extra:<name>": "any other column worth comparing: equal, close or different",
    "truth": "the true person, for evaluation; never compared",
    "ignore": "not used",
}
OPEN_ROLES = ("identifier", "extra")


def read_roles(path: Path) -> dict[str, str]:
    """Role of every column named in a roles file.

    Raises:
        ConfigError: no such file, no `columns`, an unknown role, or not exactly one `record_id`.
    """
    where = f"roles file {path.name}"
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(where, type(error).__name__, "a readable YAML file", "Check the path.") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("columns"), dict):
        raise ConfigError(
            where, "no mapping `columns`", "`columns:` with a role per column", "See migration/dedupe/README.md."
        )
    roles = {str(column): str(role) for column, role in raw["columns"].items()}
    for column, role in roles.items():
        if role not in ROLES and role.split(":")[0] not in OPEN_ROLES:
            near = difflib.get_close_matches(role, ROLES, 1) or ["one of the roles in migration/dedupe/README.md"]
            raise ConfigError(f"{where}, column {column}", f"role {role}", near[0], "Correct the role.")
    keys = [c for c, r in roles.items() if r == "record_id"]
    if len(keys) != 1:
        raise ConfigError(where, f"{len(keys)} columns with role record_id", "one", "Name the key column.")
    return roles


def read_records(path: Path, roles: Mapping[str, str], truth: str = "") -> tuple[pa.Table, pa.Array | None]:
    """A table in the role vocabulary, and the true person of every row where a column holds it.

    Raises:
        SourceError: the file cannot be read, lacks a column that has a role, or has one that has none.
    """
    where = f"table {path.name}"
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else _read_csv(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(where, type(error).__name__, "a readable Parquet or CSV file", "Check the file.") from error
    truth_columns = [truth] if truth else [c for c, r in roles.items() if r == "truth"]
    missing = sorted((set(roles) | set(truth_columns)) - set(table.column_names))
    unknown = sorted(set(table.column_names) - set(roles) - set(truth_columns))
    if missing or unknown:
        found = f"missing columns {missing}, columns without a role {unknown}"
        raise SourceError(where, found, "the columns of the roles file", "List unused columns with role `ignore`.")
    columns: dict[str, pa.Array] = {}
    for column, role in roles.items():
        if role in {"ignore", "truth"} or column in truth_columns:
            continue
        name = role.replace("identifier:", "id_").replace("extra:", "extra_")
        values = table.column(column).combine_chunks().cast(pa.string())
        if name.startswith("id_"):
            values = _checked(values, name.removeprefix("id_"))
        columns[name] = _join(columns[name], values) if name in columns else values
    answer = table.column(truth_columns[0]).combine_chunks().cast(pa.string()) if truth_columns else None
    return pa.table(columns), answer


def _checked(values: pa.Array, kind: str) -> pa.Array:
    """Numbers of a kind, without those whose check digit or letter is wrong."""
    encoded = values.dictionary_encode()
    kept = [None if is_check_right(kind, v) is False else v for v in encoded.dictionary.to_pylist()]
    return pa.array(kept, pa.string()).take(encoded.indices)


def _read_csv(path: Path) -> pa.Table:
    with path.open(encoding="utf-8-sig") as file:
        names = file.readline().strip().split(",")
    text = pacsv.ConvertOptions(
        column_types={n.strip().strip('"'): pa.string() for n in names}, strings_can_be_null=True
    )
    table = pacsv.read_csv(path, convert_options=text)
    return table.rename_columns([n.strip() for n in table.column_names])


def _join(first: pa.Array, second: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(first, second, " ", null_handling="skip")
