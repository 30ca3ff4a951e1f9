"""Expectations, dispositions, reconciliation and the run report."""
