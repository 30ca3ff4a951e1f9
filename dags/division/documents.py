"""What Airflow's pages say about a division's DAG and its tasks, for the person in front of them."""

from migration.records import Stage

DAG_DOCUMENT = """
## {title}: from the legacy systems to the national database

**Trigger** asks for a phase and a reason. A *rehearsal* ends at the gate: its verdict, report and counts say what would
happen. A *cutover* goes on: the data owner decides, then the rollout lead (two people), and what both approved is
published. **Extract** *delta* reads only what changed since the last run; every table is proved to be what a full
extract would be, or read whole.

| | |
|---|---|
| Legacy family | {family} |
| Legacy systems | {systems} |
| Mapping pack | `{version}` |

- **Red cannot look green.** A red gate fails the run, and so does a refused signature.
- **After a failure**, read the task's one-line error, repair, and clear the task: finished stages skip themselves.
- **To sign**, open *Required Actions*. What you sign is bound to the evidence shown; a task set to success by hand
  signs nothing.
- The same from a shell: `migrate run {division}`, `migrate show {division}`, `migrate explain KEY`.
"""

BROKEN_PACK_DOCUMENT = """
## The mapping pack of this division cannot be used

Nothing can be migrated until it is repaired; `migrate check` lists the same.

    {problem}
"""

STAGE_DOCUMENTS = {
    Stage.EXTRACT: "Copies each legacy table, unchanged, to the raw layer: whole, or the last extract and what changed "
    "since. The pool protects the host.",
    Stage.MAP: "Turns legacy rows into national records by the division's pack, or rejects them with the reason.",
    Stage.GEOCODE: "Matches locations to the gazetteer and derives the beat. No match rather than a wrong one.",
    Stage.DEDUPE: "Links nominals of one person, within the division and to those published, toward golden nominals.",
    Stage.STAGE: "Loads the division into staging tables of the national database.",
    Stage.VALIDATE: "Runs every data-quality rule on the staging tables. ERROR and NOT_APPLICABLE are never PASS.",
    Stage.RECONCILE: "Accounts for every source record and compares counts and sums of all layers.",
    Stage.GATE: "Computes the verdict from the evidence and writes the run report.",
}

TASK_DOCUMENTS = {
    "begin": "Checks the request and starts the run. Fails at once on a pack other than the pinned one, and on a delta "
    "without an earlier extract.",
    "finish": "Closes the raw layer over all extracted tables.",
    "check_gate": "Fails where the verdict is red.",
    "is_cutover": "Ends a rehearsal here: what follows is skipped.",
    "data_owner": "Waits for the data owner's decision, under *Required Actions*. A refusal fails the run.",
    "rollout_lead": "Waits for the rollout lead's decision; the data owner cannot give it.",
    "publish": "Attaches the division to the national tables in one transaction, if the sign-off table permits it.",
    "note_failure": "Runs only where a task before it failed: puts the run on record as failed, and fails.",
    "check_pack": "Reads the pack and fails with all its problems.",
}
