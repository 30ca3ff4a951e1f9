"""Other names that reviewers' decisions teach: of a street, or of premises within a street.

Enters: a decision (text, UPRN) and the release. Leaves: `<home>/gazetteers/aliases.csv` and a gazetteer that knows the
names, so that other texts with them are matched too. Must hold: a name is learnt only where everything else in the
text is accounted for and agrees with the entry; it holds in the entry's own town only as its street does; a name
learnt for two places of one town is followed for neither and reported. Kept are names of streets and buildings, never
a text. Refuses (None) a text that teaches nothing certain.
"""

import csv
from collections import defaultdict
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from migration.errors import ConfigError
from migration.geocode.classify import classify
from migration.geocode.gazetteer.index import Gazetteer
from migration.geocode.postcodes import find_postcode
from migration.geocode.premises import read_premises
from migration.geocode.readings import Reading
from migration.geocode.rules import LocationClass
from migration.geocode.split import PlaceNames, choose_places, find_streets, premises_key
from migration.geocode.text import fold, tokenise
from migration.settings import Settings

FILE = "aliases.csv"
STREET, PREMISES = "STREET", "PREMISES"
LEAST_LETTERS = 4
"""Letters of the shortest name that is learnt."""


@dataclass(frozen=True, order=True)
class Alias:
    """A name, in canonical tokens, of a street (`target` a USRN) or of premises (`target` a UPRN) in a town."""

    kind: str
    name: str
    town: str
    target: int
    decided_by: str
    decided_on: str


COLUMNS = tuple(f.name for f in fields(Alias))


def aliases_path(settings: Settings) -> Path:
    """Where learnt names lie."""
    return settings.gazetteers / FILE


def derive_alias(gazetteer: Gazetteer, text: str, uprn: int, decided_by: str, decided_on: str) -> Alias | None:
    """The name that a decision teaches, or None.

    A street's, where the text names no street of the release and one run of words stands behind the entry's number;
    premises', where it names the entry's street and, besides, one name that the entry does not have.
    """
    row = gazetteer.find_uprn(uprn)
    _, rest = find_postcode(fold(text))
    classified = classify(tokenise(rest))
    if row is None or classified.location_class is not LocationClass.ADDRESS:
        return None
    street = gazetteer.streets[int(gazetteer.columns["street_id"][row])]
    tokens = classified.tokens
    found = PlaceNames(gazetteer).find(tokens)
    named = [s for s in find_streets(gazetteer, tokens)]
    own = [s for s in named if street.id in gazetteer.aliases.get(s.key, ())]
    if named and not own:
        return None
    span = own[0] if own else None
    reading = read_premises(premises_key(tokens, span, choose_places(tokens, found, span)))[0]
    if not _is_learnable(gazetteer, row, reading):
        return None
    kind, target = (PREMISES, uprn) if own else (STREET, street.usrn)
    if kind == STREET and (reading.number < 0 or target < 0 or reading.name in gazetteer.aliases):
        return None
    return Alias(kind, reading.name, street.town, target, decided_by, decided_on)


def _is_learnable(gazetteer: Gazetteer, row: int, reading: Reading) -> bool:
    """Whether the reading leaves just a name that the entry lacks, and agrees with it in all else."""
    columns, dictionaries = gazetteer.columns, gazetteer.dictionaries
    own_names = {dictionaries[c][columns[c][row]] for c in ("name_key", "org_key")}
    if reading.has_unused_number or reading.tail or reading.has_room or reading.name in own_names:
        return False
    letters = reading.name.replace(" ", "")
    if len(letters) < LEAST_LETTERS or not letters.isalpha():
        return False
    same_number = reading.number < 0 or reading.number == int(columns["number"][row])
    same_suffix = reading.suffix == dictionaries["suffix"][columns["suffix"][row]]
    return same_number and same_suffix and reading.flat == dictionaries["flat"][columns["flat"][row]]


def read_aliases(path: Path) -> list[Alias]:
    """Learnt names in a file, in order.

    Raises:
        ConfigError: the header is not the file's own, or a target is no number.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            found = f"columns {', '.join(reader.fieldnames or ())}"
            raise ConfigError(f"file {path.name}", found, f"columns {', '.join(COLUMNS)}", "Restore its header.")
        return [_alias(path, line, row) for line, row in enumerate(reader, 2)]


def _alias(path: Path, line: int, row: dict[str, str]) -> Alias:
    if not row["target"].isdigit() or row["kind"] not in (STREET, PREMISES):
        where = f"file {path.name}, line {line}"
        raise ConfigError(where, "another kind or target", f"{STREET} or {PREMISES} and a number", "Correct it.")
    return Alias(row["kind"], row["name"], row["town"], int(row["target"]), row["decided_by"], row["decided_on"])


def record_alias(settings: Settings, alias: Alias) -> None:
    """Add a learnt name to the file."""
    path = aliases_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_aliases(path)
    if alias not in known:
        known.append(alias)
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(astuple(a) for a in known)
    temporary.replace(path)


def find_alias_conflicts(aliases: list[Alias]) -> dict[tuple[str, str, str], list[Alias]]:
    """Names that stand for several places of one town, by kind, name and town."""
    groups: dict[tuple[str, str, str], list[Alias]] = defaultdict(list)
    for alias in aliases:
        groups[(alias.kind, alias.name, alias.town)].append(alias)
    return {k: group for k, group in sorted(groups.items()) if len({a.target for a in group}) > 1}


def teach(gazetteer: Gazetteer, settings: Settings) -> Gazetteer:
    """The gazetteer with the learnt names that are not in conflict and whose place it still has."""
    aliases = read_aliases(aliases_path(settings))
    conflicts = find_alias_conflicts(aliases)
    for alias in sorted(set(aliases)):
        if (alias.kind, alias.name, alias.town) not in conflicts:
            _teach_street(gazetteer, alias) if alias.kind == STREET else _teach_premises(gazetteer, alias)
    return gazetteer


def _teach_street(gazetteer: Gazetteer, alias: Alias) -> None:
    ids = {i for i in gazetteer.usrn_streets.get(alias.target, ()) if gazetteer.streets[i].town == alias.town}
    if not ids:
        return
    gazetteer.aliases[alias.name] = tuple(sorted(ids.union(gazetteer.aliases.get(alias.name, ()))))
    words = alias.name.split(" ")
    gazetteer.alias_lengths[words[0]] = max(gazetteer.alias_lengths.get(words[0], 0), len(words))


def _teach_premises(gazetteer: Gazetteer, alias: Alias) -> None:
    row = gazetteer.find_uprn(alias.target)
    if row is None:
        return
    street = gazetteer.streets[int(gazetteer.columns["street_id"][row])]
    gazetteer.premises.teach(street.id, alias.target, alias.name)
    known = gazetteer.places.get(alias.name, ())
    place = (alias.target, street.id, street.locality, street.town, street.division, "NAME")
    gazetteer.places[alias.name] = tuple(sorted({*known, place}))
    words = alias.name.split(" ")
    gazetteer.place_lengths[words[0]] = max(gazetteer.place_lengths.get(words[0], 0), len(words))
