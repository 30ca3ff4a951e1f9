"""The profile shows what a migration engineer needs and nobody's data."""

import pyarrow.parquet as pq
import pytest

from migration.errors import SourceError
from migration.extract.profile import profile_division
from migration.extract.profile_guess import guess_content, is_personal
from migration.extract.profile_report import write_profile
from migration.extract.stage import extract_division


@pytest.fixture
def extracted(tmp_path, make_context):
    """Two related tables: people with default dates, damage and a rare code; and their roles."""
    people = ["ID,SURNAME,DOB,STATUS_CD,RECORDED"]
    for i in range(300):
        born = "1900-01-01" if i % 10 == 0 else f"19{50 + i % 40}-0{1 + i % 9}-{10 + i % 18}"
        status = "RARE" if i < 4 else "OPEN" if i % 2 else ""
        people.append(
            f"P{i:04},{'MÃ©dard' if i == 7 else f'NAME{chr(65 + i % 26)}'},{born},{status},0{1 + i % 9}/03/2019"
        )
    (tmp_path / "people.csv").write_text("\n".join(people) + "\n", encoding="utf-8")
    links = "".join(f"{i},P{i % 300:04}\n" for i in range(600))
    (tmp_path / "links.csv").write_text(f"LINK_NO,PERSON\n{links}999999,P9999\n", encoding="utf-8")
    tables = {
        "people": {"key": ["ID"], "columns": ["ID", "SURNAME", "DOB", "STATUS_CD", "RECORDED"], "files": "people.csv"},
        "links": {"key": ["LINK_NO"], "columns": ["LINK_NO", "PERSON"], "files": "links.csv"},
    }
    made = make_context({"files": {"kind": "delimited", "location": tmp_path, "tables": tables}})
    extract_division(made)
    return made


def test_columns_are_described_with_what_is_wrong_with_them(extracted) -> None:
    profile = profile_division(extracted)
    columns = {c.column: c for c in profile.columns}
    assert columns["ID"].is_key
    assert columns["ID"].patterns == (("A9999", 300),)
    assert (columns["STATUS_CD"].nulls, columns["STATUS_CD"].distinct, columns["STATUS_CD"].is_code) == (148, 2, True)
    assert columns["SURNAME"].damaged == 1
    assert columns["DOB"].spikes == (("1900-01-01", 30),)
    assert columns["DOB"].date_format == "%Y-%m-%d"
    assert (columns["RECORDED"].first_day, columns["RECORDED"].last_day) == ("2019-03-01", "2019-03-09")


def test_overview_names_keys_of_one_or_two_columns_and_what_to_look_at(tmp_path, make_context) -> None:
    """A table whose rows only two columns tell apart, one that nothing tells apart."""
    pairs = "".join(f"R{i // 3},{i % 3},Élan {i % 7},\n" for i in range(60))
    (tmp_path / "pairs.csv").write_text(f"REPORT,SEQ,NAME,SPARE\n{pairs}", encoding="utf-8")
    (tmp_path / "same.csv").write_text("A,B\n" + "1,2\n" * 6 + "2,2\n")
    tables = {
        "pairs": {"key": [], "columns": ["REPORT", "SEQ", "NAME", "SPARE"], "files": "pairs.csv"},
        "same": {"key": [], "columns": ["A", "B"], "files": "same.csv"},
    }
    made = make_context({"files": {"kind": "delimited", "location": tmp_path, "tables": tables}})
    extract_division(made)
    profile = profile_division(made)
    found = {t.table: t for t in profile.tables}
    assert "REPORT + SEQ" in found["pairs"].keys
    assert found["pairs"].empty == ("SPARE",)
    assert (found["same"].keys, found["same"].constant) == ((), ("B",))
    name = next(c for c in profile.columns if c.column == "NAME")
    assert name.patterns == (("AAAA 9", 60),)
    page = next(p for p in write_profile(made) if p.suffix == ".html").read_text(encoding="utf-8")
    assert "neither a column nor a pair" in page


def test_references_are_found_by_inclusion_with_their_orphans(extracted) -> None:
    found = [(i.table, i.column, i.key_table, i.key_column, i.orphans) for i in profile_division(extracted).inclusions]
    assert ("links", "PERSON", "people", "ID", 1) in found


def test_no_rare_and_no_personal_value_is_shown(extracted) -> None:
    page = ""
    for path in write_profile(extracted):
        page += path.read_text(encoding="utf-8") if path.suffix == ".html" else str(pq.read_table(path).to_pylist())
    assert "NAMEA" not in page
    assert "dard" not in page
    assert "RARE" not in page
    assert "1950-" not in page
    assert "OPEN" in page
    assert "1900-01-01" in page
    assert "default date" in page


def test_page_carries_its_marking_and_needs_no_network(extracted) -> None:
    page = next(p for p in write_profile(extracted) if p.suffix == ".html").read_text(encoding="utf-8")
    assert page.count(extracted.settings.security_marking) == 2
    assert "<svg" in page
    assert "http" not in page


def test_profile_is_refused_when_nothing_was_extracted(make_context) -> None:
    with pytest.raises(SourceError, match="no manifest"):
        profile_division(make_context({}))


@pytest.mark.parametrize(
    ("name", "shapes", "is_date", "content", "personal"),
    [
        ("SURNAME", ["AAAA"], False, "surname", True),
        ("DOB", ["9999-99-99"], True, "date of birth", True),
        ("X1", ["AA9 9AA"], False, "postcode", True),
        ("REF", ["9999/9999999A"], False, "person's number", True),
        ("ADDR_TYPE_CD", ["A"], False, "address", False),
        ("RECORDED", ["99/99/9999"], True, "date", False),
        ("QTY", ["99", "9"], False, "number", False),
        ("crimeNotes", ["AAAA AA"], False, "free text", True),
    ],
)
def test_content_is_guessed_from_name_and_shapes(name, shapes, is_date, content, personal) -> None:
    assert guess_content(name, shapes, is_date=is_date) == content
    assert is_personal(name, content) is personal
