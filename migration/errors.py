"""The errors a person can act on.

Enters: what went wrong, where, what was expected and what to do. Leaves: one line for the command line and for Airflow.
Only `cli.py` and the files in `dags/` catch `MigrationError`; anything else is a bug and keeps its trace.
Refuses: personal values. A message names files, rows, fields, rules and counts, never the content of a record.
"""


class MigrationError(Exception):
    """A mistake in the input, the settings or the state of a run, put so that its reader can repair it.

    Args:
        where: file, table, stage or setting, as its owner would name it.
        found: what is there now; counts, names and types, never a personal value.
        expected: what should have been there.
        fix: the next thing to do, as an instruction.
    """

    exit_code = 1

    def __init__(self, where: str, found: str, expected: str, fix: str) -> None:
        self.where = where
        self.found = found
        self.expected = expected
        self.fix = fix
        super().__init__(f"{where}: found {found}; expected {expected}. {fix}")

    def __reduce__(self) -> tuple[type["MigrationError"], tuple[str, str, str, str]]:
        """Keep the four parts when the error crosses a process."""
        return type(self), (self.where, self.found, self.expected, self.fix)


class ConfigError(MigrationError):
    """A pack, an expectation or a setting is wrong. Nothing was read or written."""

    exit_code = 2


class SourceError(MigrationError):
    """A legacy system or a file of it is missing, unreachable, damaged or not shaped as its pack says."""


class StorageError(MigrationError):
    """The lake or a report could not be written: the disk is full, or the folder is not ours to write."""


class QualityError(MigrationError):
    """Data was read, and it breaks an expectation that stops the run."""


class ReconciliationError(MigrationError):
    """Counts, keys or fingerprints of two layers differ: a record is lost, doubled or changed."""


class CutoverError(MigrationError):
    """A sign-off, publish or rollback is refused because the evidence does not permit it."""
