"""Where a migration reads and writes, from the environment.

Every setting has the prefix `MIGRATION_` (`MIGRATION_HOME`, `MIGRATION_DATABASE_URL`, ...).
Nothing here opens a file or a connection.
"""

from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """The settings of one process. Immutable; tests make their own.

    Attributes:
        home: working folder: lake, embedded database, estates, gazetteers, reports.
        database_url: SQLAlchemy URL of the national PostgreSQL; empty means the embedded one under `home`.
        mappings: folder of the packs.
        expectations: folder of rules and gates.
        real_data: folder of the open data that `real_data` tests read.
        security_marking: protective marking of what a run makes when its sources state none higher.
        gazetteer_release: compiled gazetteer release that runs locate against.
        threads: DuckDB threads; results do not depend on it.
        signers: who may sign a cutover in Airflow: role, then user id to user name (JSON in `MIGRATION_SIGNERS`).
        memory_limit: DuckDB memory limit, in DuckDB's notation; larger work spills to `home/spill`.
    """

    model_config = SettingsConfigDict(env_prefix="MIGRATION_", frozen=True, extra="ignore")

    home: Path = PROJECT_ROOT / ".migration"
    database_url: SecretStr = SecretStr("")
    mappings: Path = PROJECT_ROOT / "mappings"
    expectations: Path = PROJECT_ROOT / "expectations"
    real_data: Path = PROJECT_ROOT.parent / "shared" / "data"
    security_marking: str = "OFFICIAL-SENSITIVE"
    gazetteer_release: str = "synthetic-1"
    threads: int = 2
    memory_limit: str = "4GB"
    signers: dict[str, dict[str, str]] = {}

    @property
    def lake(self) -> Path:
        """Folder of the lake: `<division>/<run>/<layer>/<table>.parquet`."""
        return self.home / "lake"

    @property
    def estates(self) -> Path:
        """Folder of the synthetic legacy estates: `<family>/`."""
        return self.home / "estates"

    @property
    def linked_sets(self) -> Path:
        """Folder of the linked national sets: `<key>/`. Only what can be made again from the lake lies here."""
        return self.home / "linked-sets"

    @property
    def gazetteers(self) -> Path:
        """Folder of compiled gazetteer releases: `<release>/`."""
        return self.home / "gazetteers"

    @property
    def reports(self) -> Path:
        """Folder of run reports: `<division>/<run>/`."""
        return self.home / "reports"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Settings of this process, read from the environment once."""
    return Settings()
