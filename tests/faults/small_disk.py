"""Runs one stage of a run where no file may grow beyond a size, as on a full disk. Prints the error's line, exits 1.

Usage: small_disk.py BYTES DIVISION RUN_ID STAGE. Settings come from the environment.
"""

import resource
import signal
import sys


def main() -> int:
    """Run the stage under the limit."""
    from migration.errors import StorageError
    from migration.records import Stage
    from migration.runner import run_stage
    from migration.runs import read_run
    from migration.settings import get_settings

    limit, division, run_id, stage = sys.argv[1:]
    context = read_run(get_settings(), division, run_id)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    try:
        run_stage(context, Stage(stage))
    except StorageError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
