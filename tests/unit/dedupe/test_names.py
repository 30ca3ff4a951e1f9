import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.dedupe import names
from migration.dedupe.dates import pack_date


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("MacDonald", "MCDONALD"),
        ("Mc Donald", "MCDONALD"),
        ("Mackie", "MACKIE"),
        ("Mack", "MACK"),
        ("O'Neill", "ONEILL"),
        ("Smith-Jones", "SMITHJONES"),
        ("MacÀoidh", "MCAOIDH"),
        ("Reid Jnr", "REID"),
        ("UNKNOWN", None),
        ("not known", None),
        ("", None),
        (None, None),
    ],
)
def test_clean_surname(written, cleaned):
    assert names.clean_surname(written) == cleaned


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("Mr Hamish John Reid", ("HAMISH", "JOHN", "REID", None)),
        ("REID, Hamish John", ("HAMISH", "JOHN", "REID", None)),
        ("Ludwig van Beethoven", ("LUDWIG", None, "VANBEETHOVEN", None)),
        ("Sir Walter Scott, 1st Baronet", ("WALTER", None, "SCOTT", None)),
        ("Watts", (None, None, None, "WATTS")),
        ("Unknown Male", (None, None, None, None)),
    ],
)
def test_split_full_name(written, parts):
    assert tuple(names.split_full_name(written)) == parts


@given(st.text(max_size=30))
def test_cleaning_twice_equals_cleaning_once(text):
    for clean in (names.clean_surname, names.clean_forename):
        once = clean(text)
        assert clean(once) == once or once is None


@pytest.mark.parametrize("name", ["Unknown Male", "Procurator Fiscal", "Asda Stores Ltd", "HM Advocate", "..."])
def test_pseudo_names_are_recognised(name):
    assert names.is_pseudo_name(name)


@pytest.mark.parametrize("name", ["Hamish Reid", "Ann Hotelling", "Fiona Banks"])
def test_people_are_no_pseudo_names(name):
    assert not names.is_pseudo_name(name)


def test_forename_families_hold_short_and_gaelic_forms():
    families = names.forename_families()
    assert set(families["WILLIE"]) & set(families["LIAM"]) & set(families["WILLIAM"])
    assert set(families["SEUMAS"]) & set(families["JAMES"])
    assert not set(families["MARGARET"]) & set(families["ELIZABETH"])


@pytest.mark.parametrize(
    ("written", "packed"),
    [
        ("1961-04-19", 19610419),
        ("19/04/1961", 19610419),
        ("19610419", 19610419),
        ("1961", 19610000),
        ("1961-04", 19610400),
        ("1961-19-04", 19610419),
        ("1961-02-30", 19610200),
        ("1961-00-00", 19610000),
        ("61-04-19", None),
        ("unknown", None),
    ],
)
def test_pack_date_is_never_more_precise_than_its_source(written, packed):
    assert pack_date(written) == packed
