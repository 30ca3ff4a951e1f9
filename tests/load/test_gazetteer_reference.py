"""A compiled release becomes reference data once, and again only when it changed."""

from pathlib import Path

import sqlalchemy as sa

from migration.geocode.gazetteer.build import build_gazetteer
from migration.load.gazetteer_reference import load_gazetteer_reference
from migration.settings import Settings

ENTRY_OF_DOUBLED_KEY, BEAT = 1, 1
HEADER = "uprn,address_status,street_description,town,postcode,easting,northing,division_code,beat_code,start_date\n"


def compile_release(settings: Settings, rows: list[str]) -> None:
    folder: Path = settings.home / "source"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gazetteer.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    names = ", ".join(f"{name}: {name}" for name in HEADER.strip().split(","))
    (folder / "columns.yml").write_text(f"columns: {{{names}}}\n", encoding="utf-8")
    build_gazetteer(settings, [folder / "gazetteer.csv"], folder / "columns.yml", "invented")


def count_entries(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM reference.gazetteer_entry")) or 0)


def test_release_is_loaded_once_and_again_when_it_changed(settings: Settings, engine: sa.Engine):
    first = "100000000001,APPROVED,ANY STREET,ANYTOWN,DD1 1AA,340000,730000,D,D0101,2001-01-01"
    second = "100000000002,APPROVED,ANY STREET,ANYTOWN,DD1 1AA,340010,730000,D,D0101,2001-01-01"
    compile_release(settings, [first, first])
    assert load_gazetteer_reference(settings, engine, "invented") == ENTRY_OF_DOUBLED_KEY + BEAT
    assert load_gazetteer_reference(settings, engine, "invented") == 0
    compile_release(settings, [first, second])
    assert load_gazetteer_reference(settings, engine, "invented") == 2 + BEAT
    assert count_entries(engine) == 2
