"""What the national content hash covers."""

from dataclasses import replace

from migration.load.content import Digest, digest_columns, digest_sql, hash_digests
from migration.schema.model import load_schema

DIGEST = Digest("crime", "X", 3, -5, 7)


def test_hash_digests_does_not_depend_on_order_but_on_everything_else() -> None:
    other = replace(DIGEST, division="Y")
    assert hash_digests([DIGEST, other]) == hash_digests([other, DIGEST])
    for changed in (replace(DIGEST, rows=4), replace(DIGEST, lower=5), replace(DIGEST, upper=8), other):
        assert hash_digests([changed]) != hash_digests([DIGEST])
    assert hash_digests([DIGEST, DIGEST]) != hash_digests([DIGEST])


def test_digest_columns_leave_out_only_which_run_and_when() -> None:
    for entity in load_schema().partitioned_entities():
        left_out = set(entity.field_names) - set(digest_columns(entity))
        assert left_out <= {"run_id", "linked_at_utc"}
        assert list(digest_columns(entity)) == sorted(digest_columns(entity))


def test_digest_sql_quotes_its_columns_and_hashes_a_row_once() -> None:
    sql = digest_sql(["a", 'b"c'], "t", "g")
    assert sql.count('md5(ROW("a", "b""c")::text)') == 1
    assert sql.startswith('SELECT "g", count(*)') and sql.endswith("GROUP BY 1 ORDER BY 1")
