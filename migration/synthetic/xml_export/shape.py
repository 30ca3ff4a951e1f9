"""Elements of the XML export and the columns of the normalised tables they come from.

Enters: nothing. Leaves: `ELEMENTS` and `NESTED_IN`. Must hold: an element's owner is the reference its parent carries.
"""

from dataclasses import dataclass

Columns = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class ElementShape:
    """One kind of element: its table, the column that holds its owner's reference, and its children.

    `numbered` elements carry a number within their owner, or the value of `number_column` as `number_attribute`. A
    column is the child's name, its kind (`flag`, `time` or nothing) and the old column.
    """

    table: str
    owner: str
    owner_attribute: str
    columns: Columns
    numbered: bool = True
    number_attribute: str = "no"
    number_column: str | None = None


def _columns(spec: str) -> Columns:
    """Children from `Name:OLD`, `Name?OLD` (flag) and `Name@OLD` (time)."""
    kinds = {":": "", "?": "flag", "@": "time"}
    found = []
    for item in spec.split():
        mark = next(m for m in kinds if m in item)
        new, old = item.split(mark)
        found.append((new, kinds[mark], old))
    return tuple(found)


ELEMENTS: dict[str, ElementShape] = {
    "CrimeReport": ElementShape(
        "CRIME_REPORT",
        "CR_NO",
        "crimeRef",
        _columns(
            "Beat:BEAT_CD HowReported:HOW_REP_CD Reported@REPORTED_DT Recorded@RECORDED_DT OccurredFrom@OCC_FROM_DT "
            "OccurredTo@OCC_TO_DT Precision:OCC_PREC_CD Storm:STORM_NO Officer:OIC_NO Station:OIC_STN_CD "
            "Status:STATUS_CD Workflow:WF_STATE_CD MO:MO_TEXT TransferredFrom:XFER_FROM_REF TransferredTo:XFER_TO_REF "
            "ReviewOn:REVIEW_DT Updated@LAST_UPD_TS"
        ),
        numbered=False,
    ),
    "Offence": ElementShape(
        "CRIME",
        "CR_NO",
        "crimeRef",
        _columns(
            "Code:CRIME_CD Attempted?ATTEMPT_YN Disposal:DISPOSAL_CD ClearedUp:DETECTED_DT "
            "NoCrimeReason:NOCRIME_RSN_CD NoCrimeRequestedBy:NOCRIME_REQ_BY NoCrimeAuthorisedBy:NOCRIME_AUTH_BY "
            "ComplainerUpdated?COMP_UPD_YN ProceduralRef:PROC_REF"
        ),
        number_attribute="seq",
        number_column="CRIME_SEQ",
    ),
    "Marker": ElementShape("CRIME_MARKER", "OWNER_REF", "crimeRef", _columns("Seq:OWNER_SEQ Code:MARKER_CD")),
    "StatusChange": ElementShape(
        "STATUS_HISTORY",
        "CR_NO",
        "crimeRef",
        _columns("From:FROM_STATUS_CD To:TO_STATUS_CD At@CHANGED_DT By:CHANGED_BY"),
    ),
    "Involvement": ElementShape(
        "CRIME_NOMINAL", "CR_NO", "crimeRef", _columns("NominalRef:NOM_ID Role:ROLE_CD AgeAtTime:AGE_AT_TIME")
    ),
    "Item": ElementShape(
        "PROPERTY",
        "CR_NO",
        "crimeRef",
        _columns("Category:PROP_CAT_CD Description:DESCR ValueGbp:VALUE_GBP Role:OBJ_ROLE_CD"),
    ),
    "Vehicle": ElementShape(
        "CRIME_VEHICLE", "CR_NO", "crimeRef", _columns("Mark:VRM Make:MAKE Colour:COLOUR Role:OBJ_ROLE_CD")
    ),
    "Nominal": ElementShape(
        "NOMINAL",
        "NOM_ID",
        "ref",
        _columns(
            "Kind:NOM_TYPE_CD Title:TITLE Surname:SURNAME Forename:FORENAME1 Middle:FORENAME2 MaidenName:MAIDEN_NAME "
            "Born:BORN Age:AGE_AT_REC Sex:SEX_CD Ethnicity:ETH_CD BirthPlace:POB Occupation:OCCUPATION Scro:SCRO_NO "
            "Pnc:PNC_ID Cro:CRO_NO Driver:DRIVER_NO Phone:PHONE_NO Protected?PROTECT_YN"
        ),
        numbered=False,
    ),
    "Home": ElementShape(
        "NOMINAL_ADDRESS",
        "NOM_ID",
        "ref",
        _columns(
            "Flat:FLAT_NO Premises:PREMISES_NAME Number:HOUSE_NO Street:STREET Locality:LOCALITY Town:TOWN "
            "Postcode:POSTCODE Text:LOCUS_TEXT From:FROM_DT To:TO_DT"
        ),
    ),
    "Alias": ElementShape(
        "NOMINAL_ALIAS", "NOM_ID", "ref", _columns("Kind:ALIAS_TYPE_CD Surname:SURNAME Forename:FORENAME1")
    ),
}
NESTED_IN = (
    ("Offences", "Offence"),
    ("Markers", "Marker"),
    ("History", "StatusChange"),
    ("People", "Involvement"),
    ("Property", "Item"),
    ("Vehicles", "Vehicle"),
)
