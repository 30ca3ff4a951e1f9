"""The invented gazetteer of the hard cases as a gazetteer file, and the UPRN of each key that cases name."""

import csv
from pathlib import Path
from typing import Any

import yaml

from migration.geocode.gazetteer.columns import ENTRY_COLUMNS

HERE = Path(__file__).parent


class Town:
    """Rows of the invented gazetteer and the UPRN of each key."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.keys: dict[str, int] = {}
        self.usrns: dict[str, int] = {}
        raw = yaml.safe_load((HERE / "gazetteer.yml").read_text(encoding="utf-8"))
        self.junctions = raw["junctions"]
        self.points: dict[str, tuple[int, int]] = {}
        for street in raw["streets"]:
            self._add_street(street)

    def write(self, folder: Path) -> Path:
        """Write `gazetteer.csv` and `junctions.csv` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "gazetteer.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(ENTRY_COLUMNS), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        with (folder / "junctions.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("usrn_a", "usrn_b", "easting", "northing"))
            for a, b in self.junctions:
                writer.writerow((self.usrns[a], self.usrns[b], *self.points[a]))
        return folder

    def _add_street(self, s: dict[str, Any]) -> None:
        key = s["key"]
        self.usrns[key] = s.get("usrn", 0)
        self.points[key] = tuple(s["at"])
        base = dict.fromkeys(ENTRY_COLUMNS, "") | {
            "usrn": s.get("usrn", ""),
            "address_status": "APPROVED",
            "street_description": s["name"],
            "locality": s.get("locality", ""),
            "town": s["town"],
            "administrative_area": s["admin"],
            "postcode": s["postcode"],
            "easting": s["at"][0],
            "northing": s["at"][1],
            "division_code": s["division"],
            "beat_code": s["beat"],
            "start_date": "1990-01-01",
            "class_code": "RD",
        }
        if "historic" in s:
            base |= {"address_status": "HISTORIC", "end_date": s["historic"]["until"]}
        self._add_houses(key, base, s)
        self._add_parts(key, base, s)

    def _add(self, name: str, row: dict[str, Any]) -> int:
        uprn = self.keys.get(name) or 500_000_000 + len(self.rows)
        self.keys[name] = uprn
        self.rows.append(row | {"uprn": uprn})
        return uprn

    def _add_houses(self, key: str, base: dict[str, Any], s: dict[str, Any]) -> None:
        for house in s.get("houses", []):
            self._add(f"{key}:{house}", base | number_parts(str(house)))
        for name in s.get("names", []):
            self._add(f"{key}:{name}", base | {"pao_text": name})
        for number, name in s.get("organisations", {}).items():
            self._add(f"{key}:{number}", base | number_parts(str(number)) | {"organisation": name})
        for house, other in s.get("alternatives", {}).items():
            number, flat = other.split("/", 1)
            row = base | number_parts(number) | {"sao_text": flat, "address_status": "ALTERNATIVE"}
            self._add(f"{key}:{house}", row)
        if "renumbered" in s:
            old = s["renumbered"]
            row = base | number_parts(str(old["from"])) | {"address_status": "HISTORIC", "end_date": old["until"]}
            self._add(f"{key}:{old['to']}", row)

    def _add_parts(self, key: str, base: dict[str, Any], s: dict[str, Any]) -> None:
        for number, flats in s.get("tenements", {}).items():
            shell = base | number_parts(str(number)) | {"class_code": "PP"}
            self._add_flats(f"{key}:{number}", shell, [str(f) for f in flats])
        for name, flats in s.get("named_flats", {}).items():
            self._add_flats(
                f"{key}:{name}", base | {"pao_text": name, "class_code": "PP"}, [str(f) for f in flats], True
            )
        for name, units in s.get("units", {}).items():
            self._add_flats(
                f"{key}:{name}", base | {"pao_text": name, "class_code": "PP"}, [f"Unit {u}" for u in units]
            )
        for name, parts in s.get("campus", {}).items():
            parent = self._add(f"{key}:{name}", base | {"organisation": name, "class_code": "PP"})
            for part in parts:
                self._add(
                    f"{key}:{name}:{part}", base | {"organisation": name, "sao_text": part, "parent_uprn": parent}
                )

    def _add_flats(self, name: str, shell: dict[str, Any], flats: list[str], is_known: bool = False) -> None:
        parent = self.keys[name] if is_known else self._add(f"{name}:", shell)
        for flat in flats:
            text = flat if " " in flat or (not flat[0].isdigit() and len(flat) > 1) else f"Flat {flat}"
            self._add(
                f"{name}:{flat.removeprefix('Unit ')}",
                shell | {"sao_text": text, "parent_uprn": parent, "class_code": "RD"},
            )


def number_parts(text: str) -> dict[str, str]:
    """`7A` or `12-14` as the columns of a primary addressable object."""
    start, _, end = text.partition("-")
    suffix = start.lstrip("0123456789")
    return {"pao_start_number": start.removesuffix(suffix), "pao_start_suffix": suffix, "pao_end_number": end}
