"""What the tests of linking share."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from benchmarks.labelled_families import invent_families


@pytest.fixture(scope="session")
def families() -> Callable[..., tuple[pa.Table, pa.Array]]:
    """Invents homes; returns records and who they are."""
    return invent_families
