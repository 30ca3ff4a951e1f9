import pytest

from migration.geocode.text import fold, name_key, tokenise


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Flat 2/1, 34 High Street", ("FLAT", "2/1", ",", "34", "HIGH", "ST")),
        ("St. Andrew's Road", ("ST", "ANDREWS", "RD")),
        ("Bridge-of-Weir", ("BRIDGE", "OF", "WEIR")),
        ("High St/Church Ln", ("HIGH", "ST", "/", "CH", "LN")),
        ("12-14 X", ("12-14", "X")),
        ("flat3 0034", ("FLAT", "3", "34")),
        ("flat2/1", ("FLAT", "2/1")),
        ("MacDonald", ("MCDONALD",)),
        ("O/S 3", ("O/S", "3")),
        ("Café Àird", ("CAFE", "AIRD")),
        (", , a ,,", ("A",)),
    ],
)
def test_tokens_of_a_text_are_canonical(text: str, tokens: tuple[str, ...]) -> None:
    assert tokenise(text) == tokens


def test_folding_removes_accents_and_apostrophes() -> None:
    assert fold("Tigh na Màra's") == "TIGH NA MARAS"


def test_name_key_has_no_breaks() -> None:
    assert name_key("Saint James' Square, (North)") == "ST JAMES SQ N"
    assert name_key(None) == ""
