"""One DAG per division with a mapping pack: from its legacy systems to the gate and, in a cutover, to publication.

Enters: the packs under `MIGRATION_MAPPINGS`. Leaves: `division_<letter>`. Tasks hand over counts and hashes, never
rows; each is one call into `migration`. Parsing reads the packs and nothing else: stages are imported when they run. A
pack with problems takes its own division's DAG away, not the others.
"""

from airflow.sdk import DAG, Label, TaskGroup, XComArg, chain, get_parsing_context
from division.defaults import DEFAULT_ARGS
from division.documents import BROKEN_PACK_DOCUMENT, DAG_DOCUMENT, STAGE_DOCUMENTS, TASK_DOCUMENTS
from division.form import PARAMS, SIGN_OFF_PARAMS
from division.sign_off import SignOffOperator
from division.tasks import (
    NATIONAL,
    OUTPUTS,
    begin,
    check_gate,
    check_pack,
    extract_table,
    finish_extract,
    is_cutover,
    note_failure,
    output_asset,
    perform,
    publish,
)

from migration.errors import ConfigError
from migration.mapping.load import list_divisions, load_pack
from migration.mapping.model import Pack, SourceSystem
from migration.pools import MATCHING, NATIONAL_DATABASE, check_connections, count_slots, list_pools
from migration.records import Stage
from migration.settings import get_settings

STAGE_POOLS = {
    Stage.DEDUPE: MATCHING,
    Stage.STAGE: NATIONAL_DATABASE,
    Stage.VALIDATE: NATIONAL_DATABASE,
    Stage.RECONCILE: NATIONAL_DATABASE,
    Stage.GATE: NATIONAL_DATABASE,
}


def name_dag(division: str) -> str:
    """Id of a division's DAG."""
    return f"division_{division.lower()}"


def build_dag(division: str, pack: Pack) -> DAG:
    """The DAG of a division."""
    systems = ", ".join(f"{s.name} ({len(s.tables)} tables)" for s in pack.systems)
    document = DAG_DOCUMENT.format(
        title=pack.title, family=pack.family, systems=systems, version=pack.version[:12], division=division
    )
    with DAG(
        name_dag(division),
        dag_display_name=f"Division {division}: {pack.title}",
        doc_md=document,
        schedule=None,
        max_active_runs=1,
        params=PARAMS,
        default_args=DEFAULT_ARGS,
        tags={"division", f"family {pack.family}"},
    ) as dag:
        start = begin.override(doc_md=TASK_DOCUMENTS["begin"])(division)
        stages = [extract_group(pack), *(stage_group(s, division) for s in Stage if s is not Stage.EXTRACT)]
        decides = is_cutover.override(doc_md=TASK_DOCUMENTS["is_cutover"])(division)
        failed = note_failure.override(doc_md=TASK_DOCUMENTS["note_failure"])(division)
        chain(start, *stages, decides, Label("cutover"), cutover_group(division), Label("on failure"), failed)
    return dag


def extract_group(pack: Pack) -> TaskGroup:
    """One mapped task per legacy system, a table each, in the system's pool; then the layer is closed."""
    with TaskGroup(Stage.EXTRACT.value, tooltip=STAGE_DOCUMENTS[Stage.EXTRACT]) as group:
        finish = finish_extract.override(
            task_id="finish",
            doc_md=TASK_DOCUMENTS["finish"],
            outlets=[output_asset(pack.division, OUTPUTS[Stage.EXTRACT])],
        )(pack.division)
        for system in pack.systems:
            read_tables(pack.division, system) >> finish
    return group


def read_tables(division: str, system: SourceSystem) -> XComArg:
    """The mapped task that reads the tables of one legacy system; each takes what it may open of its pool."""
    read = extract_table.override(
        task_id=f"read_{system.name}",
        pool=system.pool,
        pool_slots=count_slots(system),
        map_index_template="{{ task.op_kwargs['table'] }}",
        doc_md=STAGE_DOCUMENTS[Stage.EXTRACT],
    )
    tables = [table.name for table in system.tables]
    return read.partial(division=division, system=system.name).expand(table=tables)


def stage_group(stage: Stage, division: str) -> TaskGroup:
    """One stage; the gate's group also fails on a red verdict."""
    with TaskGroup(stage.value, tooltip=STAGE_DOCUMENTS[stage]) as group:
        done = perform.override(
            task_id="run",
            pool=STAGE_POOLS.get(stage, "default_pool"),
            doc_md=STAGE_DOCUMENTS[stage],
            outlets=[output_asset(division, OUTPUTS[stage])],
        )(division, stage.value)
        if stage is Stage.GATE:
            done >> check_gate.override(pool=NATIONAL_DATABASE, doc_md=TASK_DOCUMENTS["check_gate"])(division)
    return group


def cutover_group(division: str) -> TaskGroup:
    """The data owner, then the rollout lead, then publication of what both approved."""
    with TaskGroup("cutover", tooltip="Two people decide; what both approved is published.") as group:
        signers = [
            SignOffOperator(
                task_id=role,
                division=division,
                role=role,
                params=SIGN_OFF_PARAMS,
                doc_md=TASK_DOCUMENTS[role],
            )
            for role in ("data_owner", "rollout_lead")
        ]
        published = publish.override(
            pool=NATIONAL_DATABASE,
            doc_md=TASK_DOCUMENTS["publish"],
            outlets=[output_asset(division, NATIONAL)],
        )(division)
        chain(*signers, published)
    return group


def build_broken_dag(division: str, problem: ConfigError) -> DAG:
    """What stands for a division whose pack has problems: a DAG that says so and fails with them."""
    document = BROKEN_PACK_DOCUMENT.format(problem=problem)
    with DAG(
        name_dag(division), doc_md=document, schedule=None, default_args=DEFAULT_ARGS, tags={"broken pack"}
    ) as dag:
        check_pack.override(doc_md=TASK_DOCUMENTS["check_pack"])(division)
    return dag


def build_dags() -> None:
    """Every division's DAG, or in a task's process only the one it belongs to."""
    settings = get_settings()
    wanted = get_parsing_context().dag_id
    pools = list_pools(settings)
    for division in list_divisions(settings):
        if wanted in (None, name_dag(division)):
            try:
                pack = load_pack(settings, division)
                check_connections(pack, pools)
                build_dag(division, pack)
            except ConfigError as problem:
                build_broken_dag(division, problem)


build_dags()
