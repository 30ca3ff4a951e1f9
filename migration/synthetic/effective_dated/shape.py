"""Tables of the effective-dated estate that have no versions, and the columns they come from.

Enters: nothing. Leaves: `NEW_TABLES` (new name, key and columns by normalised table) and `KINDS` (SQL types that
names do not tell).
"""


def _pairs(spec: str) -> tuple[tuple[str, str], ...]:
    """New and old column from `NEW:OLD`."""
    return tuple((item.split(":")[0], item.split(":")[1]) for item in spec.split())


NEW_TABLES: dict[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    "CRIME": (
        "OFFENCE_REC",
        "OFFENCE_ID",
        _pairs(
            "OFFENCE_ID:CRIME_ID CRIME_NO:CR_NO SEQ:CRIME_SEQ CODE:CRIME_CD ATTEMPTED:ATTEMPT_YN DISPOSAL:DISPOSAL_CD "
            "CLEARED_ON:DETECTED_DT NC_REASON:NOCRIME_RSN_CD NC_REQ_BY:NOCRIME_REQ_BY NC_AUTH_BY:NOCRIME_AUTH_BY "
            "COMP_UPD:COMP_UPD_YN PROC_REF:PROC_REF"
        ),
    ),
    "CRIME_MARKER": (
        "OFFENCE_MARKER",
        "MARKER_ID",
        _pairs("MARKER_ID:MARKER_ID OFFENCE_ID:CRIME_ID MARKER:MARKER_CD"),
    ),
    "NOMINAL_ALIAS": (
        "NOMINAL_ALIAS",
        "ALIAS_ID",
        _pairs("ALIAS_ID:ALIAS_ID NOM_ID:NOM_ID KIND:ALIAS_TYPE_CD SURNAME:SURNAME FORENAME1:FORENAME1"),
    ),
    "NOMINAL_ADDRESS": (
        "NOMINAL_HOME",
        "HOME_LINK_ID",
        _pairs("HOME_LINK_ID:NOM_ADDR_ID NOM_ID:NOM_ID LOC_ID:LOC_ID KIND:ADDR_TYPE_CD EFF_FROM:FROM_DT EFF_TO:TO_DT"),
    ),
    "CRIME_NOMINAL": (
        "CRIME_ROLE",
        "ROLE_ID",
        _pairs(
            "ROLE_ID:CRIME_NOM_ID CRIME_NO:CR_NO OFFENCE_ID:CRIME_ID NOM_ID:NOM_ID ROLE:ROLE_CD AGE:AGE_AT_TIME "
            "ADDED:ADDED_TS"
        ),
    ),
    "LOCATION": (
        "PLACE",
        "LOC_ID",
        _pairs(
            "LOC_ID:LOC_ID FLAT:FLAT_NO PREMISES:PREMISES_NAME NUMBER:HOUSE_NO STREET:STREET LOCALITY:LOCALITY "
            "TOWN:TOWN POSTCODE:POSTCODE EASTING:EASTING NORTHING:NORTHING GRID_REF:GRID_REF FREE_TEXT:LOCUS_TEXT "
            "KIND:LOC_TYPE_CD ADDED_ON:CREATED_DT"
        ),
    ),
    "CRIME_LOCATION": (
        "CRIME_PLACE",
        "CRIME_PLACE_ID",
        _pairs("CRIME_PLACE_ID:CRIME_LOC_ID CRIME_NO:CR_NO OFFENCE_ID:CRIME_ID LOC_ID:LOC_ID ROLE:LOC_ROLE_CD"),
    ),
    "PROPERTY": (
        "PROPERTY",
        "PROPERTY_ID",
        _pairs(
            "PROPERTY_ID:PROP_ID CRIME_NO:CR_NO CATEGORY:PROP_CAT_CD DESCR:DESCR VALUE_GBP:VALUE_GBP ROLE:OBJ_ROLE_CD"
        ),
    ),
    "CRIME_VEHICLE": (
        "VEHICLE",
        "VEHICLE_ID",
        _pairs("VEHICLE_ID:VEH_ID CRIME_NO:CR_NO VRM:VRM MAKE:MAKE COLOUR:COLOUR ROLE:OBJ_ROLE_CD"),
    ),
}
KINDS = dict.fromkeys(("VER_NO", "SEQ", "AGE", "ATTEMPTED", "PROTECTED", "COMP_UPD"), "INTEGER")
