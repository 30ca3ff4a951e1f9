"""What a person is asked: when triggering a division's DAG, and when signing."""

from airflow.sdk import Param

from migration.orchestration import DELTA, FULL

PARAMS = {
    "phase": Param(
        "rehearsal",
        type="string",
        enum=["rehearsal", "cutover"],
        title="Phase",
        description="A rehearsal ends at the gate. A cutover asks the data owner and the rollout lead, then publishes.",
    ),
    "extract": Param(
        FULL,
        type="string",
        enum=[FULL, DELTA],
        title="Extract",
        description="Full reads everything. Delta takes the division's last extract of the same sample and what "
        "changed since, proved to be what a full extract would be; refused where there is none.",
    ),
    "sample_percent": Param(
        100,
        type="integer",
        minimum=1,
        maximum=100,
        title="Sample (%)",
        description="Share of the crime reports to take, with everything that hangs on them. A cutover takes 100.",
    ),
    "pack_version": Param(
        None,
        type=["null", "string"],
        pattern="^[0-9a-f]{8,64}$",
        title="Pack version",
        description="Hash of the mapping pack, 8 digits or more: the run refuses any other. Empty: as is.",
    ),
    "reason": Param(
        type="string",
        minLength=5,
        maxLength=400,
        title="Reason",
        description="Why this run is started. Recorded with it; no personal values.",
    ),
}

SIGN_OFF_PARAMS = {
    "reason": Param(
        "",
        type="string",
        maxLength=400,
        title="Reason",
        description="Why you approve or refuse. Recorded with your decision; no personal values.",
    ),
}
