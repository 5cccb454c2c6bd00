.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test check docs lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## .venv with the locked dependencies and the `tenure` command

$(STAMP): requirements/dev.txt requirements/stripe-spec.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/stripe-spec.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## play the story on embedded servers; EXIT=1 ends after it
	@$(BIN)/tenure demo $(if $(EXIT),--exit)

test: install ## the whole test suite, its own servers started and stopped
	@$(BIN)/python -m pytest --numprocesses 3 --dist worksteal $(ARGS)

check: install ## format, lint, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install ## write the parts of docs/ that follow from the code
	$(BIN)/python -m tests.docs.lifecycle_page

lock: ## renew requirements/*.txt from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 pyproject.toml -o requirements/production.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --extra sandbox --extra dev pyproject.toml -o requirements/dev.txt

clean: ## remove what install and the sandbox made
	rm -rf $(VENV) .tenure .tenure-social
