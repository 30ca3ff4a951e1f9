"""Moves a division's legacy crime, nominal and location records to the national schema, with proof.

The packages are the stages, in the order a row meets them: `extract`, `mapping`, `geocode`, `dedupe`, `load`,
`quality`, `cutover`. `README.md` beside this file is the architecture.
"""

__version__ = "0.1.0"
