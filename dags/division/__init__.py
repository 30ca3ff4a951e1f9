"""The parts of a division's DAG: trigger form, tasks, sign-off operator, texts."""
