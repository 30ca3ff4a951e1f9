"""Tables of people: NOMINAL and its aliases, identifiers, addresses and warnings, and CRIME_NOMINAL.

Enters: a division's records, the family's codes. Leaves: tables with local codes.
"""

import numpy as np

from migration.synthetic.columns import Table, codes, dates, flags, texts, times, whole
from migration.synthetic.draws import Ints, Texts, take
from migration.synthetic.estate import DivisionRecords
from migration.synthetic.habits import ages_at_report, roles_as_recorded
from migration.synthetic.involvements import PERSON
from migration.synthetic.locations import Kind
from migration.synthetic.recorded import SUSPECT
from migration.synthetic.relational.events import FIRST_CRIME, FIRST_LOCATION, FIRST_NOMINAL, Codes

WARNINGS = ("VIOLENT", "DRUGS", "WEAPONS", "SELF_HARM", "ESCAPER", "CONTAGIOUS", "OTHER")


def make_people_tables(records: DivisionRecords, codes_of: Codes) -> list[Table]:
    """All tables about nominals."""
    return [
        _make_nominals(records, codes_of),
        _make_aliases(records, codes_of),
        _make_identifiers(records, codes_of),
        _make_addresses(records, codes_of),
        _make_warnings(records, codes_of),
        _make_links(records, codes_of),
    ]


def _make_nominals(records: DivisionRecords, codes_of: Codes) -> Table:
    nominals, people = records.nominals, records.nominals.details
    size = len(nominals)
    created = nominals.recorded_on.astype("datetime64[s]")
    return Table(
        "NOMINAL",
        "NOM_ID",
        {
            "NOM_ID": whole(FIRST_NOMINAL + np.arange(size)),
            "NOM_TYPE_CD": codes(nominals.type_recorded, codes_of["NOM_TYPE"]),
            "TITLE": texts(people.title),
            "SURNAME": texts(people.surname),
            "FORENAME1": texts(people.forename_1),
            "FORENAME2": texts(people.forename_2),
            "MAIDEN_NAME": texts(people.maiden_name),
            "DOB": dates(people.born_on),
            "DOB_PREC_CD": codes(people.precision, codes_of["DOB_PREC"]),
            "AGE_AT_REC": whole(people.age, people.age >= 0),
            "SEX_CD": codes(people.sex, codes_of["SEX"]),
            "ETH_CD": codes(people.ethnicity, codes_of["ETH"]),
            "POB": texts(people.place_of_birth),
            "OCCUPATION": texts(people.occupation),
            "SCRO_NO": texts(people.scro_no),
            "PNC_ID": texts(people.pnc_id),
            "CRO_NO": texts(people.cro_no),
            "DRIVER_NO": texts(people.driver_no),
            "PHONE_NO": texts(people.phone),
            "HOME_LOC_ID": whole(FIRST_LOCATION + records.home, records.home >= 0),
            "PROTECT_YN": flags((nominals.kind == PERSON) & records.draws.chance("protected", nominals.key, 0.006)),
            "CREATED_TS": times(created),
            "LAST_UPD_TS": times(created + np.timedelta64(3600, "s")),
        },
    )


def _make_aliases(records: DivisionRecords, codes_of: Codes) -> Table:
    people = records.nominals.details
    maiden, aka = np.nonzero(people.maiden_name != "")[0], np.nonzero(people.alias_type != "")[0]
    at = np.concatenate([maiden, aka])
    kind = np.array(["MAIDEN"] * len(maiden) + ["AKA"] * len(aka), dtype=object)
    surname = np.concatenate([people.maiden_name[maiden], people.alias_surname[aka]])
    forename = np.concatenate([people.forename_1[maiden], people.alias_forename[aka]])
    return Table(
        "NOMINAL_ALIAS",
        "ALIAS_ID",
        {
            "ALIAS_ID": list(range(1, len(at) + 1)),
            "NOM_ID": whole(FIRST_NOMINAL + at),
            "ALIAS_TYPE_CD": codes(kind, codes_of["ALIAS_TYPE"]),
            "SURNAME": texts(surname),
            "FORENAME1": texts(forename),
        },
    )


def _make_identifiers(records: DivisionRecords, codes_of: Codes) -> Table:
    """CHI numbers of some, and what the nominal's own columns say once more, as verified."""
    nominals = records.nominals
    person = np.maximum(nominals.person, 0)
    known = (nominals.person >= 0) & records.draws.chance("identifier row", nominals.key, 0.5)
    chi = np.where(known, nominals.people.chi_no[person], "").astype(object)
    driver = np.where(known, nominals.details.driver_no, "").astype(object)
    parts: list[tuple[str, Texts, Ints]] = [
        (kind, values, np.nonzero(values != "")[0]) for kind, values in (("CHI", chi), ("DRIVER", driver))
    ]
    at = np.concatenate([p[2] for p in parts])
    kinds = np.array([kind for kind, _, index in parts for _ in index], dtype=object)
    return Table(
        "NOMINAL_IDENT",
        "IDENT_ID",
        {
            "IDENT_ID": list(range(1, len(at) + 1)),
            "NOM_ID": whole(FIRST_NOMINAL + at),
            "IDENT_TYPE_CD": codes(kinds, codes_of["IDENT_TYPE"]),
            "IDENT_VALUE": texts(np.concatenate([values[index] for _, values, index in parts])),
            "VERIFIED_YN": flags(records.draws.chance("verified", nominals.key[at], 0.8)),
        },
    )


def _make_addresses(records: DivisionRecords, codes_of: Codes) -> Table:
    home, former = np.nonzero(records.home >= 0)[0], np.nonzero(records.old_home >= 0)[0]
    at = np.concatenate([home, former])
    place = np.concatenate([records.home[home], records.old_home[former]])
    homeless = records.places.kind[place] == Kind.NO_FIXED_ABODE
    ended = records.home_from.astype("datetime64[D]").copy()
    began = np.concatenate([records.home_from[home], records.home_from[former] - np.timedelta64(1500, "D")])
    until = np.concatenate([np.full(len(home), np.datetime64("NaT"), dtype="datetime64[D]"), ended[former]])
    return Table(
        "NOMINAL_ADDRESS",
        "NOM_ADDR_ID",
        {
            "NOM_ADDR_ID": list(range(1, len(at) + 1)),
            "NOM_ID": whole(FIRST_NOMINAL + at),
            "LOC_ID": whole(FIRST_LOCATION + place),
            "ADDR_TYPE_CD": codes(np.where(homeless, "NO_FIXED_ABODE", "HOME"), codes_of["ADDR_TYPE"]),
            "FROM_DT": dates(began),
            "TO_DT": dates(until),
        },
    )


def _make_warnings(records: DivisionRecords, codes_of: Codes) -> Table:
    nominals = records.nominals
    warned = (nominals.capacity == SUSPECT) & (nominals.kind == PERSON)
    at = np.nonzero(warned & records.draws.chance("warning", nominals.key, 0.07))[0]
    kind = take(WARNINGS, records.draws.choose("warning kind", nominals.key[at], (40, 20, 15, 12, 3, 4, 6)))
    return Table(
        "NOMINAL_WARNING",
        "WARN_ID",
        {
            "WARN_ID": list(range(1, len(at) + 1)),
            "NOM_ID": whole(FIRST_NOMINAL + at),
            "WARN_CD": codes(kind, codes_of["WARN"]),
            "FROM_DT": dates(nominals.recorded_on[at]),
            "TO_DT": [None] * len(at),
        },
    )


def _make_links(records: DivisionRecords, codes_of: Codes) -> Table:
    involved = records.involved
    first_crime = np.cumsum(records.reports.crimes) - records.reports.crimes
    of_crime = records.draws.chance("names the crime", involved.key, 0.7)
    age = ages_at_report(records)
    return Table(
        "CRIME_NOMINAL",
        "CRIME_NOM_ID",
        {
            "CRIME_NOM_ID": list(range(1, len(involved) + 1)),
            "CR_NO": [records.crime_no[i] for i in involved.report.tolist()],
            "CRIME_ID": whole(FIRST_CRIME + first_crime[involved.report], of_crime),
            "NOM_ID": whole(FIRST_NOMINAL + records.nominal_of),
            "ROLE_CD": codes(roles_as_recorded(records), codes_of["ROLE"]),
            "AGE_AT_TIME": whole(age, age >= 0),
            "ADDED_TS": times(records.reports.recorded_at[involved.report]),
        },
    )
