"""A person at Airflow's public interface: logs in, triggers, answers, looks."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from urllib.parse import quote

FINISHED = ("success", "failed")
READING_SECONDS = 15


@dataclass
class Person:
    """One logged-in user."""

    address: str
    user: str
    password: str
    token: str = field(default="", init=False)

    def __post_init__(self) -> None:
        credentials = {"username": self.user, "password": self.password}
        self.token = self.call("POST", "/auth/token", credentials)[1]["access_token"]

    def call(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        """Status and JSON answer of one request."""
        request = urllib.request.Request(f"{self.address}{path}", method=method)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=60) as response:  # noqa: S310
                return response.status, json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")


@dataclass(frozen=True)
class Run:
    """One DAG run as a person follows it."""

    dag_id: str
    run_id: str

    @classmethod
    def trigger(cls, person: Person, dag_id: str, conf: dict[str, object]) -> "Run":
        """Start a DAG run with the trigger form filled in."""
        status, answer = person.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        assert status == 200, answer
        return cls(dag_id, answer["dag_run_id"])

    @property
    def path(self) -> str:
        return f"/api/v2/dags/{self.dag_id}/dagRuns/{quote(self.run_id)}"

    def state(self, person: Person) -> str:
        return person.call("GET", self.path)[1]["state"]

    def tasks(self, person: Person) -> dict[str, str]:
        """State of each task; a mapped task's tables are told apart by their number."""
        answer = person.call("GET", f"{self.path}/taskInstances?limit=200")[1]
        return {f"{t['task_id']}[{t['map_index']}]": t["state"] for t in answer["task_instances"]}

    def wait(self, person: Person, seconds: float = 600) -> str:
        """The run's final state."""
        return wait_for(lambda: (s := self.state(person)) in FINISHED and s, seconds, lambda: self.tasks(person))

    def wait_for_question(self, person: Person, task: str, seconds: float = 600) -> dict:
        """The question that a sign-off task shows, once it waits and a person has had time to read it.

        The scheduler hears some seconds late that the asking process has ended; an answer before that makes it take the
        answering process for the ended one, and the task is tried again.
        """
        question = wait_for(lambda: self._question(person, task), seconds, lambda: self.tasks(person))
        time.sleep(READING_SECONDS)
        return question

    def _question(self, person: Person, task: str) -> dict | None:
        if self.state(person) in FINISHED:
            raise AssertionError(f"the run ended before {task} asked: {self.tasks(person)}")
        status, question = person.call("GET", f"{self.path}/taskInstances/{task}/-1/hitlDetails")
        return question if status == 200 and question["task_instance"]["state"] == "awaiting_input" else None

    def answer(self, person: Person, task: str, option: str, reason: str = "") -> int:
        """Answer a question; returns the HTTP status."""
        body = {"chosen_options": [option], "params_input": {"reason": reason}}
        return person.call("PATCH", f"{self.path}/taskInstances/{task}/-1/hitlDetails", body)[0]

    def set_to_success(self, person: Person, task: str) -> None:
        """Mark a task successful by hand."""
        status, answer = person.call("PATCH", f"{self.path}/taskInstances/{task}", {"new_state": "success"})
        assert status == 200, answer

    def clear(self, person: Person, task: str) -> None:
        """Let a task and all after it run again."""
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": [task],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        status, answer = person.call("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", body)
        assert status == 200, answer

    def log(self, person: Person, task: str) -> str:
        """Log of a task's newest try."""
        number = person.call("GET", f"{self.path}/taskInstances/{task}")[1]["try_number"]
        return json.dumps(person.call("GET", f"{self.path}/taskInstances/{task}/logs/{number}")[1])


def wait_for(look, seconds: float, describe):
    """What `look` returns once it is true; after `seconds` an error with what `describe` says."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(1)
    raise AssertionError(f"nothing after {seconds:.0f} s: {describe()}")
