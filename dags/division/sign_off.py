"""The task that asks one person to sign, and records the answer itself.

Airflow asks; `control.sign_off` decides. The answer reaches the table from the server's own record of who responded,
not through an XCom, so setting the task to success by hand, or editing what tasks hand over, signs nothing. A refusal
fails the task and with it the DAG run. Nothing answers for a person who does not: there is no default and no timeout.
"""

from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import TaskAwaitingInput

from division.tasks import find_key, guarded
from migration import orchestration
from migration.orchestration import APPROVE, REFUSE


class SignOffOperator(HITLOperator):
    """Asks the people of a role to approve or refuse a run's evidence.

    Args:
        division: police division letter.
        role: `data_owner` or `rollout_lead`.
    """

    template_fields = ()

    def __init__(self, *, division: str, role: str, **kwargs: Any) -> None:
        super().__init__(subject=f"Sign-off as {role}", options=[APPROVE, REFUSE], **kwargs)
        self.division = division
        self.role = role

    def execute(self, context: Any) -> dict[str, str]:
        """Show verdict, dispositions and evidence hash; wait, keeping the hash that was shown.

        After an interruption, an approval of this evidence that reached the table is not asked for again.
        """
        request = guarded(orchestration.describe_sign_off)(find_key(self.division, context["dag_run"]), self.role)
        if request.is_approved:
            return {"role": self.role, "evidence_hash": request.evidence_hash}
        self.subject, self.body = request.subject, request.body
        self.assigned_users = [{"id": user, "name": name} for user, name in request.signers.items()]
        try:
            return super().execute(context)
        except TaskAwaitingInput as park:
            park.kwargs = {"evidence_hash": request.evidence_hash}
            raise

    def execute_complete(self, context: Any, event: dict[str, Any], evidence_hash: str) -> dict[str, str]:
        """Record the answer for the evidence that was shown; fail on a refusal."""
        answer = guarded(super().execute_complete)(context, event)
        reason = str(answer["params_input"].get("reason", ""))
        person = answer["responded_by_user"]["name"]
        run = find_key(self.division, context["dag_run"])
        record = guarded(orchestration.record_decision)
        record(run, self.role, person, answer["chosen_options"][0], reason, evidence_hash)
        return {"role": self.role, "evidence_hash": evidence_hash}
