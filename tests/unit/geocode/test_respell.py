import pytest

from migration.geocode.respell import PlaceSpelling, is_spelling_of, put_right, split_type


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("1ST FOOR RGHT , 34 @", "1ST FLOOR RIGHT , 34 @"),
        ("1ST FLOOR RIGHTT , 34 @", "1ST FLOOR RIGHT , 34 @"),
        ("GROUNDFLOOR LEFT , 34 @", "GROUND FLOOR LEFT , 34 @"),
        ("FLATB , 34 @", "FLAT B , 34 @"),
        ("FLXT 2/1 , 34 @", "FLAT 2/1 , 34 @"),
        ("FLAT 2/1 , 34 @", None),
        ("ROSE COTT , 34 @", None),
        ("34 @", None),
        ("FLOOR 2ND LEFT , 34 @", "2ND FLOOR LEFT , 34 @"),
        ("2ND LEFT , FLOOR 34 @", "2ND FLOOR LEFT , 34 @"),
        ("2 NDFLOOR LEFT , 34 @", "2ND FLOOR LEFT , 34 @"),
        ("1ST FLRRIGHT , 34 @", "1ST FLR RIGHT , 34 @"),
        ("GND FLOOR , 34 @", "GROUND FLOOR , 34 @"),
        ("FLOOR 2 , 34 @", None),
    ],
)
def test_unit_words_are_put_right_and_numbers_kept(key: str, expected: str | None) -> None:
    assert put_right(key) == expected


def test_a_place_is_meant_only_where_one_name_is_near() -> None:
    spelling = PlaceSpelling(["DUMBARTON", "PRESTWICK", "E KILBRIDE", "ALVA", "LESLIE", "LESLEY"])
    assert spelling.find("DUMBAROTN") == "DUMBARTON"
    assert spelling.find("PRESTWAK") == "PRESTWICK"
    assert spelling.find("EKILBRIDE") == "E KILBRIDE"
    assert spelling.find("ALVE") is None
    assert spelling.find("LESLEE") is None
    assert spelling.find("MUSSELBURGH") is None


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("SOTUH QUEENSFERRY", "S QUEENSFERRY"),
        ("SOUTHQUEENSFERRY", "S QUEENSFERRY"),
        ("S QEENSFERRY", "S QUEENSFERRY"),
        ("N QUEENSFERRY", None),
        ("NORTHQUEENSFERRY", None),
        ("NORT QUEENSFERRY", None),
        ("QUEENSFERRY", None),
        ("W KILBRIDE", None),
        ("WESTKILBRIDE", None),
        ("WST KILBRIDE", None),
        ("EASST KILBRIDE", "E KILBRIDE"),
        ("EST KILBRIDE", None),
        ("UPR LARGO", None),
        ("FERGUSLIEPARK", "FERGUSLIE PK"),
        ("BRIDGEOFEARN", "BRIDGE OF EARN"),
        ("ESATERHOUSE", "EASTERHOUSE"),
    ],
)
def test_north_and_south_east_and_west_are_never_misspelt_into_each_other(words: str, meant: str | None) -> None:
    names = ["S QUEENSFERRY", "E KILBRIDE", "LWR LARGO", "FERGUSLIE PK", "BRIDGE OF EARN", "EASTERHOUSE"]
    assert PlaceSpelling(names).find(words) == meant
    assert any(is_spelling_of(words, name) for name in names) == (meant is not None)


def test_a_street_in_one_word_is_its_name_and_type() -> None:
    assert split_type("STATIONROAD") == ("STN", "RD")
    assert split_type("ROAD") is None
    assert split_type("BROADFORD") is None
