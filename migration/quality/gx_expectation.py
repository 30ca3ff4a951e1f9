"""The Great Expectations expectation every rule runs as. Importing this module imports Great Expectations (seconds).

Enters: a rule's SQL conditions. Leaves: counts of tested and failing rows. Must hold: no value of the data is ever
fetched, so none can reach a result or Data Docs; all ROWS rules over one table or view are counted in a single scan,
because their metric is an aggregate that Great Expectations bundles (decision 0070).
"""

from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.core import ExpectationValidationResult
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.render.components import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies


class RowsWhere(TableMetricProvider):
    """Rows of the batch for which a condition holds; an aggregate, so many of them share one scan."""

    metric_name = "table.rows_where"
    value_keys = ("condition_sql",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls,  # noqa: N805 - Great Expectations calls it on the class
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> Any:
        condition = metric_value_kwargs["condition_sql"]
        return sa.literal_column(f"count(*) FILTER (WHERE {condition})"), metric_domain_kwargs, {}


class NumberOfQuery(TableMetricProvider):
    """The single number a query gives: failing rows of a QUERY rule, or what a MEASURE rule measures."""

    metric_name = "table.number_of_query"
    value_keys = ("number_sql",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805 - Great Expectations calls it on the class
        execution_engine: Any,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> float | None:
        number = metric_value_kwargs["number_sql"].replace(":", r"\:")
        row = execution_engine.execute_query(sa.text(number)).fetchone()
        return None if row is None or row[0] is None else float(row[0])


class ExpectRowsToHold(BatchExpectation):
    """Rows in scope hold the rule, but for as many as its thresholds allow."""

    rule_id: str
    scope_sql: str = "TRUE"
    fails_sql: str = ""
    number_sql: str = ""
    max_percent: float = 0.0
    max_rows: int = 0
    minimum: float | None = None
    maximum: float | None = None

    metric_dependencies: ClassVar[tuple[str, ...]] = ()
    success_keys: ClassVar[tuple[str, ...]] = (
        "rule_id", "scope_sql", "fails_sql", "number_sql", "max_percent", "max_rows", "minimum", "maximum",
    )  # fmt: skip
    args_keys: ClassVar[tuple[str, ...]] = ("rule_id",)

    def get_validation_dependencies(
        self,
        execution_engine: ExecutionEngine[Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> ValidationDependencies:
        """The two counts, named `tested` and `failing`."""
        needs = super().get_validation_dependencies(execution_engine, runtime_configuration)
        domain = {"batch_id": self.batch_id, "table": None}

        def add(name: str, metric: str, **values: str) -> None:
            needs.set_metric_configuration(name, MetricConfiguration(metric, domain, values))

        if self.number_sql:
            add("number", "table.number_of_query", number_sql=self.number_sql)
        else:
            condition = f"({self.scope_sql}) AND ({self.fails_sql})"
            add("number", "table.rows_where", condition_sql=condition)
        add("tested", "table.rows_where", condition_sql=self.scope_sql)
        return needs

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> ExpectationValidationResult | dict[str, Any]:
        tested, number = metrics["tested"], metrics["number"]
        if self.minimum is not None or self.maximum is not None:
            return {"success": True, "result": {"observed_value": number}}
        percent = 100.0 * number / tested if tested else 0.0
        result = {"element_count": int(tested), "unexpected_count": int(number), "unexpected_percent": percent}
        return {"success": number <= self.max_rows and percent <= self.max_percent, "result": result}

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls,
        configuration: Any = None,
        result: Any = None,
        runtime_configuration: Any = None,  # noqa: ARG003
    ) -> list[RenderedStringTemplateContent]:
        rule = configuration or result.expectation_config
        text = f"{rule.description} ({rule.kwargs['rule_id']}; owner {rule.meta.get('owner', '')})"
        return [
            RenderedStringTemplateContent(
                content_block_type="string_template",
                string_template={"template": text.replace("$", "$$"), "params": {}, "styling": None},
            )
        ]
