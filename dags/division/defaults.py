"""What every task is given unless it says otherwise: an owner, and retries that are safe because stages are."""

from datetime import timedelta

DEFAULT_ARGS = {
    "owner": "migration",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}
