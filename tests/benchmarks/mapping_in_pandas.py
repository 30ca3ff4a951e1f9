"""The crime tables of the Tayside system mapped with pandas: a peer of bench_mapping.py, which calls it.

Enters: the raw layer, and the folder `given` with crosswalks, the fates of locations, and which fields are hashed.
Leaves: `crime_report`, `crime`, `disposition` and `problems` as Parquet files. Whole columns at a time; only the
digests are taken value by value, because pandas has none.
"""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from migration.row_hash import row_hashes
from migration.schema.arrow import arrow_type
from migration.schema.model import load_schema

Table = pd.DataFrame
LONDON = "Europe/London"
AS_AT = pd.Timestamp("2023-12-01")
CLOCK = ["AMBIGUOUS_TIME", "NONEXISTENT_TIME"]
TRUE_VALUES, FALSE_VALUES = ["Y", "YES", "T", "TRUE", "1"], ["N", "NO", "F", "FALSE", "0"]
REPORT_TEXTS = {
    "storm_no": ("STORM_NO", 24),
    "officer_ref": ("OIC_NO", 12),
    "mo_summary_text": ("MO_TEXT", 4000),
    "beat_code_legacy": ("BEAT_CD", 10),
    "transferred_from_ref": ("XFER_FROM_REF", 30),
    "transferred_to_ref": ("XFER_TO_REF", 30),
}
CRIME_TEXTS = {
    "no_crime_requested_by": ("NOCRIME_REQ_BY", 12),
    "no_crime_authorised_by": ("NOCRIME_AUTH_BY", 12),
    "procedural_ref": ("PROC_REF", 13),
}


class Entity:
    """The rows of one entity in the making: fields, the error of each, and what stops a row."""

    def __init__(self, raw: Path, table: str, name: str) -> None:
        read = pq.read_table(raw / f"{table}.parquet")  # numbers as texts: with gaps pandas makes fractions of them
        texts = pa.schema(pa.field(f.name, f.type if f.name == "_source_row" else pa.string()) for f in read.schema)
        self.raw = read.cast(texts).to_pandas()
        self.table, self.name = table, name
        self.key = self.raw.iloc[:, 0]
        self.out = pd.DataFrame({"source_key": self.key, "source_row": self.raw["_source_row"]})
        self.errors: dict[str, pd.Series] = {}
        self.stops: dict[str, pd.Series] = {}

    def none(self) -> pd.Series:
        """A column of nothing."""
        return pd.Series(None, index=self.raw.index, dtype="str")

    def text(self, column: str) -> pd.Series:
        """A source column, trimmed, absent where nothing is left."""
        values: pd.Series = self.raw[column].str.strip()
        return values.mask(values == "")

    def note(self, field: str, errors: pd.Series, *, stops: bool = False, required: pd.Series | None = None) -> None:
        """Keep the errors of a field; they stop the row, or are reported where it is loaded."""
        self.errors[field] = errors
        reason = errors.mask(errors.isin(CLOCK)) if stops else self.none()
        if required is not None:
            reason = reason.mask(reason.isna() & required.isna(), "MISSING")
        if stops or required is not None:
            self.stops[field] = reason

    def put_texts(self, texts: dict[str, tuple[str, int]]) -> None:
        """Text fields with the longest they may be."""
        for field, (column, size) in texts.items():
            values = self.text(column)
            too_long = values.str.len() > size
            self.out[field] = values.mask(too_long)
            self.note(field, self.none().mask(too_long, "TOO_LONG"))

    def put_time(self, field: str, column: str, latest: pd.Timestamp | None = None, *, stops: bool = False) -> None:
        """A wall-clock time as UTC, the earlier of an hour that occurs twice."""
        text = self.text(column)
        naive = read_times(text)
        utc, errors = to_utc(naive)
        errors = errors.mask(text.notna() & naive.isna(), "UNREADABLE")
        if latest is not None:
            errors = errors.mask(naive.dt.normalize() > latest, "OUT_OF_RANGE")
        self.out[field] = utc.where(errors.isna() | errors.isin(CLOCK))
        self.note(field, errors, stops=stops, required=self.out[field] if stops else None)

    def look_up(self, text: pd.Series, codes: Table, day: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
        """Of a legacy code: the national code, its error, and its successor."""
        found, since, until = (text.map(codes[c]) for c in ("national_code", "valid_from", "valid_to"))
        errors = self.none().mask((day < since) | (day > until), "CODE_NOT_VALID")
        return found, errors.mask(text.notna() & found.isna(), "UNMAPPED_CODE"), text.map(codes["successor_code"])

    def reasons(self) -> tuple[pd.Series, pd.Series]:
        """Why each row is not loaded, and by which rule; absent where it is."""
        reason, rule = self.none(), self.none()
        for field, stop in self.stops.items():
            first = reason.isna() & stop.notna()
            reason, rule = reason.mask(first, stop), rule.mask(first, f"{self.name}.{field}")
        return reason, rule

    def problems(self, reason: pd.Series) -> list[Table]:
        """One row for each field at fault."""
        loaded = reason.isna()
        found = [(f, e[loaded & e.notna()]) for f, e in self.errors.items()]
        found += [(f, s[s.notna()]) for f, s in self.stops.items()]
        return [
            pd.DataFrame(
                {"entity": self.name, "source_key": self.key[s.index], "field": f.removesuffix("+"), "reason_code": s}
            )
            for f, s in found
        ]


def read_times(text: pd.Series) -> pd.Series:
    """Times of the usual spelling; the rest by the other formats."""
    times = pd.to_datetime(text, format="%Y-%m-%d %H:%M:%S", errors="coerce")
    rest = text[times.isna() & text.notna()]
    for pattern in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"):
        times = times.fillna(pd.to_datetime(rest, format=pattern, errors="coerce").reindex(times.index))
    return times


def read_days(text: pd.Series) -> pd.Series:
    """Days, also of a point in time."""
    days = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    rest = text[days.isna() & text.notna()]
    times = pd.to_datetime(rest, format="%Y-%m-%d %H:%M:%S", errors="coerce").dt.normalize()
    return days.fillna(times.reindex(days.index))


def to_utc(naive: pd.Series) -> tuple[pd.Series, pd.Series]:
    """UTC of London wall-clock times, and which of them occur twice or never."""
    local = naive.dt.tz_localize(LONDON, ambiguous=True, nonexistent=pd.Timedelta(hours=1))
    errors = pd.Series(None, index=naive.index, dtype="str").mask(
        naive.notna() & (local.dt.tz_localize(None) != naive), "NONEXISTENT_TIME"
    )
    months = naive[naive.dt.month.isin([3, 10])]
    later = months.dt.tz_localize(LONDON, ambiguous=False, nonexistent=pd.Timedelta(hours=1))
    twice = later[later != local[months.index]].index
    errors[twice] = "AMBIGUOUS_TIME"
    return local.dt.tz_convert("UTC"), errors


def record_ids(table: str, keys: pd.Series) -> list[str]:
    """The record id of each key."""
    prefix = f"D\x1ftayside_crime\x1f{table}\x1f"
    return [hashlib.sha256((prefix + k).encode()).hexdigest()[:32] for k in keys]


def hash_rows(frame: Table, entity: str, columns: list[str]) -> pa.Array:
    """The project's own compiled row hash: it takes whole columns, which pandas can give it."""
    fields = load_schema().entity(entity)
    arrays = {c: pa.array(frame[c], from_pandas=True).cast(arrow_type(fields.field(c))) for c in columns}
    return row_hashes(arrays, len(frame))


def read_flags(text: pd.Series) -> pd.Series:
    """True, false or absent."""
    return text.str.upper().map({**dict.fromkeys(TRUE_VALUES, True), **dict.fromkeys(FALSE_VALUES, False)})


def map_reports(raw: Path, given: Path) -> tuple[Entity, pd.Series]:
    """The crime reports, and the day each was recorded."""
    reports = Entity(raw, "CRIME_REPORT", "crime_report")
    out, text = reports.out, reports.text
    codes = {p.stem: pd.read_parquet(p).set_index("legacy_value") for p in given.glob("*_code.parquet")}
    out["crime_report_id"] = record_ids("CRIME_REPORT", reports.key)
    out["cr_number"] = reports.none()
    number = text("CR_NO")
    too_long = number.str.len() > 30
    out["legacy_crime_no"] = number.mask(too_long)
    reports.note(
        "legacy_crime_no", reports.none().mask(too_long, "TOO_LONG"), stops=True, required=out["legacy_crime_no"]
    )
    recorded, _ = to_utc(read_times(text("RECORDED_DT")))
    day = recorded.dt.tz_localize(None).dt.normalize()
    reports.put_time("reported_at_utc", "REPORTED_DT", AS_AT)
    reports.put_time("recorded_at_utc", "RECORDED_DT", AS_AT, stops=True)
    reports.put_time("occurred_from_utc", "OCC_FROM_DT")
    reports.put_time("occurred_to_utc", "OCC_TO_DT")
    for field, column in {
        "how_reported_code": "HOW_REP_CD",
        "occurred_precision_code": "OCC_PREC_CD",
        "status_code": "STATUS_CD",
        "workflow_state_code": "WF_STATE_CD",
    }.items():
        legacy = text(column)
        found, errors, _ = reports.look_up(legacy, codes[field], day)
        out[field] = found.mask(errors.notna())
        if field == "how_reported_code":
            out[field] = out[field].mask(legacy.isna(), "UNKNOWN")
        if field != "occurred_precision_code":
            out[field.replace("_code", "_raw")] = legacy.str.slice(0, 120)
        is_status = field == "status_code"
        reports.note(field, errors, stops=is_status, required=out[field] if is_status else None)
    reports.put_texts(REPORT_TEXTS)
    stations = pd.read_parquet(raw / "REF_STATION.parquet").set_index("CODE")["DESCR"]
    station = text("OIC_STN_CD")
    station = station.map(stations).astype("str").str.strip().fillna(station)
    out["officer_station"] = station.mask(station.str.len() > 60)
    reports.note("officer_station", reports.none().mask(station.str.len() > 60, "TOO_LONG"))
    places = pd.read_parquet(given / "locations.parquet").set_index("key")
    locus = text("LOCUS_LOC_ID")
    place, fate = locus.map(places["id"]), locus.map(places["outcome"])
    kept = fate.isin(["LOADED", "DUPLICATE_OF"])
    out["locus_location_id"] = place.where(kept)
    lost = reports.none().mask(locus.notna() & ~kept, "PARENT_" + fate.astype("str"))
    reports.note("locus_location_id", lost.mask(locus.notna() & place.isna(), "ORPHAN"))
    out["beat_code"] = reports.none()
    review = text("REVIEW_DT")
    out["review_on"] = read_days(review)
    reports.note("review_on", reports.none().mask(review.notna() & out["review_on"].isna(), "UNREADABLE"))
    out["retention_class"] = pd.Series("STANDARD", index=out.index, dtype="str").mask(out["review_on"] < AS_AT, "DUE")
    return reports, day


def map_crimes(raw: Path, given: Path, reports: Entity, day: pd.Series, stopped: pd.Series) -> Entity:
    """The crimes of the reports."""
    crimes = Entity(raw, "CRIME", "crime")
    out, text = crimes.out, crimes.text
    codes = {p.stem: pd.read_parquet(p).set_index("legacy_value") for p in given.glob("*_code.parquet")}
    out["crime_id"] = record_ids("CRIME", crimes.key)
    parents = pd.DataFrame(
        {"id": reports.out["crime_report_id"], "day": day, "stopped": stopped, "due": reports.out["retention_class"]}
    ).set_index(reports.key)
    number = text("CR_NO")
    parent = parents.reindex(number).set_axis(out.index)
    out["crime_report_id"] = parent["id"]
    crimes.stops["crime_report_id"] = crimes.none().mask(number.isna(), "MISSING")
    sequence = text("CRIME_SEQ")
    plain = sequence.str.extract(r"^([+-]?\d{1,18})(?:\.0+)?$", expand=False)
    out["crime_seq"] = pd.to_numeric(plain, errors="coerce").astype("Int64")
    errors = crimes.none().mask(sequence.notna() & out["crime_seq"].isna(), "UNREADABLE")
    crimes.note("crime_seq", errors, stops=True, required=out["crime_seq"])
    legacy = text("CRIME_CD")
    read = legacy.where(legacy.str.fullmatch(r"\d{5,6}").fillna(False))
    parts = legacy[read.isna()].str.extract(r"^(\d{1,2})\s*/\s*(\d{1,4})$")
    read = read.fillna((parts[0].str.zfill(2) + parts[1].str.zfill(3)).reindex(read.index))
    found, errors, successor = crimes.look_up(read, codes["crime_code"], parent["day"])
    errors = errors.mask(legacy.notna() & read.isna(), "UNREADABLE")
    out["crime_code"] = found.mask((errors == "CODE_NOT_VALID") & successor.notna(), successor)
    out["crime_raw"] = legacy.str.slice(0, 120)
    crimes.note("crime_code", errors)
    stop = errors.mask(errors == "CODE_NOT_VALID")
    crimes.stops["crime_code"] = stop.mask(stop.isna() & out["crime_code"].isna(), "MISSING")
    for field, column in {"disposal_code": "DISPOSAL_CD", "no_crime_reason_code": "NOCRIME_RSN_CD"}.items():
        code = text(column)
        found, errors, _ = crimes.look_up(code, codes[field], parent["day"])
        out[field] = found.mask(errors.notna())
        out[field.replace("_code", "_raw")] = code.str.slice(0, 120)
        crimes.note(field, errors)
    for field, column in {"is_attempted": "ATTEMPT_YN", "is_complainer_updated": "COMP_UPD_YN"}.items():
        flag = text(column)
        out[field] = read_flags(flag)
        crimes.note(field, crimes.none().mask(flag.notna() & out[field].isna(), "UNREADABLE"))
    detected = text("DETECTED_DT")
    out["detected_on"] = read_days(detected)
    crimes.note("detected_on", crimes.none().mask(detected.notna() & out["detected_on"].isna(), "UNREADABLE"))
    crimes.put_texts(CRIME_TEXTS)
    orphan = number.notna() & parent["id"].isna()
    lost = crimes.none().mask(number.notna() & parent["stopped"].notna(), "PARENT_QUARANTINED").mask(orphan, "ORPHAN")
    own, _ = crimes.reasons()
    crimes.stops["crime_report_id+"] = lost.where(own.isna())
    out["retention_class"] = parent["due"]
    return crimes


def write_entity(entity: Entity, given: Path, work: Path, reason: pd.Series) -> None:
    """The loaded rows with their hashes and where they come from."""
    facts = json.loads((given / "facts.json").read_text())
    frame = entity.out[reason.isna()]
    origin = {"division_code": "D", "source_system": "tayside_crime", "source_table": entity.table, "run_id": "bench"}
    origin |= {"mapping_version": facts["version"], "security_marking": "OFFICIAL-SENSITIVE"}
    hashes = hash_rows(frame, entity.name, facts["hashed"][entity.name]).to_pandas().array
    frame = frame.assign(**origin, row_hash=hashes)
    days = {c: frame[c].dt.date for c in frame.columns if c.endswith("_on")}
    frame.assign(**days).to_parquet(work / f"{entity.name}.parquet", compression="zstd", index=False)


def map_in_pandas(raw: Path, given: Path, work: Path) -> None:
    """Map the crime tables of a raw layer.

    Args:
        raw: folder of the raw tables.
        given: what both peers are given.
        work: where the Parquet files go.
    """
    reports, day = map_reports(raw, given)
    reason, _ = reports.reasons()
    crimes = map_crimes(raw, given, reports, day, reason)
    dispositions, problems = [], []
    for entity in (reports, crimes):
        reason, rule = entity.reasons()
        write_entity(entity, given, work, reason)
        loaded = reason.isna()
        key = entity.out[f"{entity.name}_id"].where(loaded)
        outcome = pd.Series("QUARANTINED", index=reason.index, dtype="str").mask(loaded, "LOADED")
        frame = pd.DataFrame({"source_key": entity.key, "outcome": outcome, "target_id": key, "reason_code": reason})
        origin = {"run_id": "bench", "division_code": "D", "source_system": "tayside_crime"}
        origin |= {"source_table": entity.table, "entity": entity.name}
        dispositions.append(frame.assign(**origin, rule_id=rule.str.removesuffix("+")))
        problems += entity.problems(reason)
    pd.concat(dispositions).to_parquet(work / "disposition.parquet", compression="zstd", index=False)
    pd.concat(problems).to_parquet(work / "problems.parquet", compression="zstd", index=False)
