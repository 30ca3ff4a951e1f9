"""What may be wrong with a record, how often, and what should become of it.

Enters: nothing. Leaves: rates and reasons used by every writer. Must hold: what stops a record is rare (about two in
a thousand), so that a clean run is green or explained.
"""

QUARANTINED, LOADED, DUPLICATE = "QUARANTINED", "LOADED", "DUPLICATE_OF"
REPORT_RATE = 0.0003
OTHER_RATE = 0.0003
COPY_RATE = 0.001
IMPOSSIBLE_DAY = "2019-02-31"
UNKNOWN_CODE = "99999"
UNKNOWN_STATUS = "XX"

REASONS = {
    "missing_recorded_at": "no time of recording",
    "impossible_recorded_at": "time of recording on 31 February",
    "unknown_status": "status is in no code table",
    "unknown_crime_code": "crime code is in no list",
    "empty_location": "nothing but a type and a day",
    "nominal_without_name": "no name at all",
    "orphan_link": "names a record that is not there",
    "duplicate_row": "the same row a second time",
    "retired_crime_code": "crime code recorded after the day it was retired",
    "code_before_valid": "How Reported value recorded before its first day of validity",
    "impossible_occurrence": "occurred from is after occurred to",
    "due_for_weeding": "retention review is overdue",
    "late_edit": "edited years after it was recorded",
    "no_crime_without_authoriser": "No Crime without an authorising officer",
    "transferred_report": "transferred to another division",
    "missing_locus": "no locus",
    "default_dob": "date of birth is a default",
    "age_only_dob": "an age and no date of birth",
    "future_dob": "date of birth is in the future",
    "surname_in_forename": "surname stands in the forename",
    "typo": "name is misspelt",
    "initial_only": "initial instead of a forename",
    "mojibake": "accents were read in the wrong encoding",
    "pseudo_typed_as_person": "pseudo-nominal typed as a person",
    "shop_typed_as_person": "organisation typed as a person",
    "shared_scro": "SCRO number of another person",
    "two_scros": "person has another SCRO number on another record",
    "bad_pnc_check": "PNC check letter is wrong",
    "twins": "twin of a person who is recorded too",
    "father_and_son": "same name and home as a parent or child who is recorded too",
    "maiden_name": "recorded under the name before marriage",
    "cross_division": "person who may be recorded in other divisions",
    "zero_coordinates": "coordinates are 0, 0",
    "default_coordinates": "coordinates are the system's default point",
    "deleted_postcode": "postcode that is deleted now",
    "missing_postcode": "home without a postcode",
}
