"""Gate, sign-off, evidence and audit."""
