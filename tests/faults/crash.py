"""Runs one stage of a run in a process of its own and kills that process (SIGKILL) at the nth call of a function.

Usage: crash.py TARGET NTH DIVISION RUN_ID STAGE, where TARGET is `module:attribute[.attribute]`. Settings come from the
environment. Exits 3 when the stage ended before the nth call: the fault was never injected, so the test means nothing.
"""

import functools
import importlib
import os
import signal
import sys

NOT_REACHED = 3


def arm(target: str, nth: int) -> None:
    """Replace `target` by a function that kills this process instead of its nth call."""
    module_name, _, path = target.partition(":")
    *parents, name = path.split(".")
    owner = importlib.import_module(module_name)
    for parent in parents:
        owner = getattr(owner, parent)
    original = getattr(owner, name)
    calls = 0

    @functools.wraps(original)
    def deadly(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, deadly)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("migration") and getattr(module, name, None) is original:
            setattr(module, name, deadly)


def main() -> int:
    """Run the stage with the fault armed."""
    target, nth, division, run_id, stage = sys.argv[1:]
    from migration.records import Stage
    from migration.runner import run_stage
    from migration.runs import read_run
    from migration.settings import get_settings

    importlib.import_module(f"migration.{_package(stage)}.stage")
    arm(target, int(nth))
    run_stage(read_run(get_settings(), division, run_id), Stage(stage))
    return NOT_REACHED


def _package(stage: str) -> str:
    packages = {"map": "mapping", "stage": "load", "validate": "quality", "reconcile": "quality", "gate": "cutover"}
    return packages.get(stage, stage)


if __name__ == "__main__":
    sys.exit(main())
