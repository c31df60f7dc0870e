# Every habit of the project is a verb here; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup run test coverage lint format typecheck layers compose-check bench crash lighthouse looks schemas lock clean
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PARTS ?= tests
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.run ## Start Airflow and the portal, run every dataset, print where to look
	@$(BIN)/python -m ops.run

test: .venv/.dev ## Run the whole test suite (PARTS=tests/staging for a part)
	@$(PYTEST) $(PARTS)

coverage: .venv/.dev ## The same, and tell which lines were reached; half as much time again
	@$(PYTEST) --cov --cov-report=term:skip-covered $(PARTS)

lint: .venv/.dev ## Check format and style
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

format: .venv/.dev ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

typecheck: .venv/.dev ## Check types, strictly, in src/
	@$(BIN)/mypy

layers: .venv/.dev ## Check that modules import only from below
	@$(BIN)/lint-imports --no-logo

compose-check: .venv/.dev ## Check docker-compose.yml without a Docker engine
	@$(BIN)/python -m pytest tests/airflow/test_compose.py

bench: .venv/.dev ## Measure speed and memory against peers, append to benchmarks/history.jsonl
	@$(BIN)/python -m benchmarks

crash: .venv/.dev ## Kill, fill, cut and flip for an hour; progress, then a summary as JSON
	@$(BIN)/python -m tests.crash --long

lighthouse: .venv/.dev ## Measure one page of each type with Lighthouse against its budget
	@$(BIN)/python -m tests.browser.lighthouse

looks: .venv/.dev ## Take the small pictures anew that pages are compared with
	@$(BIN)/python -m tests.browser.looks

schemas: .venv/.dev ## Write the JSON Schemas and the generated reference pages
	@$(BIN)/python -m moulouya.schemas schemas && $(BIN)/python docs/generate.py

lock: .venv/.dev ## Renew the hash-locked requirements
	@sh requirements/compile.sh

setup: .venv/.dev ## Install everything a developer needs into .venv

clean: ## Remove the environment, the lake and Airflow's state
	rm -rf .venv .moulouya

.venv/.run: requirements/run.txt requirements/install.sh pyproject.toml
	@sh requirements/install.sh run

.venv/.dev: requirements/dev.txt requirements/install.sh pyproject.toml
	@sh requirements/install.sh dev
