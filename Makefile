# Every target does its own set-up: Python 3.11 to 3.14, git and make are enough.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint up bench clean

VENV := .venv
BIN := $(VENV)/bin
SET_UP := $(VENV)/.set-up
BENCHES := $(VENV)-bench $(VENV)-bench-addresses
BENCH_DBT := $(VENV)-bench-dbt
SUPPORTED := import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do $$p -c "$(SUPPORTED)" 2>/dev/null && echo $$p && break; done)
PYTEST := $(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile

# uv reads no pip settings: hand it the ones that decide where packages come from.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
export UV_HTTP_TIMEOUT ?= 180

# What the demonstration runs, and where `make up` listens.
DIVISION ?= D
PORT ?= 8080

help: ## This list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*##/\t/' | expand -t 8

demo: $(SET_UP) ## Build a synthetic estate, rehearse a division through Airflow, show what came out
	@$(BIN)/migrate estate build --scale small
	@$(BIN)/migrate gazetteer build
	@status=0; $(BIN)/migrate airflow rehearse $(DIVISION) || status=$$?; $(BIN)/migrate show $(DIVISION); exit $$status

test: $(SET_UP) ## All tests but the wide ones
	@$(PYTEST) -m "not wide"

lint: $(SET_UP) ## Formatting, style, types and YAML
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/yamllint --strict .

up: $(SET_UP) ## Start Airflow for a person; prints its address and logins; Ctrl-C stops it
	@$(BIN)/migrate airflow up --port $(PORT)

bench: $(BENCHES:=/.set-up) $(BENCH_DBT)/.set-up ## Run every benchmark, peers included
	@export MIGRATION_BENCH_ADDRESSES=$(VENV)-bench-addresses/bin/python MIGRATION_BENCH_DBT=$(BENCH_DBT)/bin/dbt; \
	for script in tests/benchmarks/bench_*.py; do echo "== $$script"; $(VENV)-bench/bin/python "$$script"; done

clean: ## Remove what the targets made: environments, caches, the local Airflow and the working folder
	@rm -rf $(VENV) $(BENCHES) $(BENCH_DBT) .airflow .migration .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

# uv itself comes from the lock, by hash, through pip; everything else through uv, by hash.
$(SET_UP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.14 with venv found: install one, or name it with make PYTHON=/path/to/python"; exit 1; }
	@echo "Setting up $(VENV) from requirements.lock"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk '/^uv==/ {inside = 1} inside {print} inside && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

# Peers to measure against: their versions are constrained by the lock, not part of it. Two environments, named as the
# extras of pyproject.toml, because two peers need different versions of a third; a script reaches the second by its variable.
$(BENCHES:=/.set-up): $(VENV)-%/.set-up: $(SET_UP)
	@echo "Setting up $(@D)"
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --constraint requirements.lock --no-build-isolation --editable '.[$*]'
	@touch $@

# dbt cannot live beside Airflow (their parsers of SQL differ), and runs by its command alone.
$(BENCH_DBT)/.set-up: $(SET_UP)
	@echo "Setting up $(@D)"
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python 'dbt-core>=1.10,<1.12' 'dbt-duckdb>=1.9'
	@touch $@
