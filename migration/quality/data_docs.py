"""Great Expectations Data Docs of a run: plain words, counts and keys of failing records, never a value.

Enters: suite results (counts only), outcomes and the first failing keys per rule. Leaves: a folder of HTML.
Must hold: a page shows as failed whatever is FAIL, ERROR or NOT_APPLICABLE; every page carries the protective marking;
error texts are replaced by the class of the error.
"""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.quality.rules import Outcome, RuleStatus

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

SHOWN_KEYS = 20
BANNER_STYLE = "background:#1d2a3a;color:#fff;text-align:center;font-weight:bold;padding:4px"


def publish_data_docs(
    context: "AbstractDataContext",
    folder: Path,
    results: Mapping[str, Sequence["ExpectationSuiteValidationResult"]],
    outcomes: Mapping[str, Outcome],
    keys: Mapping[str, Sequence[str]],
    marking: str,
    run_time: datetime,
) -> Path:
    """Write Data Docs into `folder`, in place of what was there; returns the index page.

    Args:
        results: results by entity.
        outcomes: outcome of every rule, by id.
        keys: first failing keys of rules, by id.
    """
    shutil.rmtree(folder, ignore_errors=True)
    site: Any = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    for name, default in dict(context.variables.data_docs_sites or {}).items():
        shutil.rmtree(default["store_backend"]["base_directory"], ignore_errors=True)
        context.delete_data_docs_site(name)
    context.add_data_docs_site(site_name="run", site_config=site)
    for entity, parts in sorted(results.items()):
        _store_result(context, entity, _merge(parts, outcomes, keys), run_time)
    context.build_data_docs(site_names=["run"])
    for page in sorted(folder.rglob("*.html")):
        _mark_page(page, marking)
    return folder / "index.html"


def _merge(
    parts: Sequence["ExpectationSuiteValidationResult"],
    outcomes: Mapping[str, Outcome],
    keys: Mapping[str, Sequence[str]],
) -> "ExpectationSuiteValidationResult":
    """One result per entity, with what our thresholds and statuses say and keys in the place of values."""
    first = parts[0]
    items: list[Any] = [item for part in parts for item in part.results]
    items.sort(key=lambda i: i.expectation_config.meta["rule_id"])
    for item in items:
        _clean_item(item, outcomes, keys)
    first.results[:] = items
    passed = sum(1 for item in items if item.success)
    first.success = passed == len(items)
    first.statistics = {
        "evaluated_expectations": len(items),
        "successful_expectations": passed,
        "unsuccessful_expectations": len(items) - passed,
        "success_percent": 100.0 * passed / len(items) if items else None,
    }
    return first


def _clean_item(item: Any, outcomes: Mapping[str, Outcome], keys: Mapping[str, Sequence[str]]) -> None:
    config = item.expectation_config
    outcome = outcomes[config.meta["rule_id"]]
    item.success = outcome.status is RuleStatus.PASS
    item.exception_info = {"raised_exception": False, "exception_message": None, "exception_traceback": None}
    config.kwargs = {k: v for k, v in config.kwargs.items() if k in ("batch_id", "rule_id", "max_percent", "max_rows")}
    counts = f"{outcome.failing_rows} of {outcome.tested_rows} rows" if outcome.tested_rows is not None else ""
    text = f"{outcome.status.value} {counts} {outcome.detail}".strip()
    found = list(keys.get(outcome.rule.rule_id, ()))[:SHOWN_KEYS]
    if found:
        text += "; first legacy keys: " + ", ".join(found)
    item.result = {"observed_value": text}


def _store_result(
    context: "AbstractDataContext", entity: str, result: "ExpectationSuiteValidationResult", run_time: datetime
) -> None:
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    items: list[Any] = list(result.results)
    suite = gx.ExpectationSuite(entity, expectations=[item.expectation_config.to_domain_obj() for item in items])
    context.suites.add(suite)
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=entity),
        run_id=RunIdentifier(run_name=entity, run_time=run_time.astimezone(UTC)),
        batch_identifier=entity,
    )
    result.suite_name = entity
    context.validation_results_store.set(key, result)


def _mark_page(page: Path, marking: str) -> None:
    text = page.read_text(encoding="utf-8")
    banner = f'<div style="{BANNER_STYLE}">{marking}</div>'
    head, found, rest = text.partition("<body>")
    if found:
        page.write_text(f"{head}{found}{banner}{rest.replace('</body>', banner + '</body>')}", encoding="utf-8")
