# The only entry: people and CI run the same targets. `make help` lists them.
# ARGS is passed to the program behind a target: make up ARGS=--detach, make logs ARGS=builder, make test-unit ARGS="-k ports".

SHELL := /bin/bash
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && exit; done; echo python3)
BIN := .venv/bin
LOCAL := $(BIN)/python -m heliostat_local
PYTEST := $(BIN)/python -m pytest
SOURCES := libs services deploy tests $(wildcard benchmarks)
MEMBERS := core runtime containers hub singleuser cli builder sessions policy local
# jsonschema uses it where it is there, and building its grammar costs every start of a hub or a server two seconds.
LEFT_OUT := rfc3987-syntax lark $(foreach m,$(MEMBERS),heliostat-$m)
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --quiet $(foreach p,$(LEFT_OUT),--no-emit-package $p) $(ARGS)
# httpx and structlog import rich where it is there, which costs each service 5 MiB; our command line does without it.
WITHOUT_RICH := $(foreach p,rich markdown-it-py mdurl pygments,--no-emit-package $p)
export UV_SYSTEM_CERTS ?= 1
.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

## Running

.PHONY: init up down status logs rebuild migrate
init: ## install what running needs into .venv and node_modules (quick when nothing changed)
	@$(PYTHON) deploy/local/bootstrap.py

up: init ## start everything and stay in the foreground; Ctrl-C stops it (ARGS=--detach returns when all is ready)
	@exec $(LOCAL) up $(ARGS)

down: init ## stop what `make up` started
	@exec $(LOCAL) down $(ARGS)

status: init ## show each component; fails when one is not ready (ARGS=--json)
	@exec $(LOCAL) status $(ARGS)

logs: init ## follow the logs of all components (ARGS=builder for one)
	@exec $(LOCAL) logs $(ARGS)

rebuild: init ## make the read models of a running instance again from the event log
	@exec $(LOCAL) rebuild

migrate: init ## bring the database of HELIOSTAT_MIGRATE_DATABASE_URL to the newest schema
	@exec $(BIN)/python -m heliostat_core.migrate

## With containers

.PHONY: images compose-up compose-down compose
images: ## build the container images (ARGS=hub for one; BASE_IMAGE and CA_BUNDLE: docs/compose.md)
	@deploy/images/build $(ARGS)

compose-up: ## build what is missing and start everything as containers with docker compose; needs no other target
	@deploy/compose/run up $(ARGS)

compose-down: ## stop that, users' servers too; what they keep stays (ARGS=--volumes removes it)
	@deploy/compose/run down $(ARGS)

compose: ## any other command of docker compose for that instance, such as ARGS="logs -f hub"
	@deploy/compose/run $(ARGS)

## Developing

.PHONY: init-dev fmt lint types test test-unit test-js test-integration e2e e2e-compose screenshots bench openapi config-docs lock clean
init-dev: ## as init, with the development tools
	@$(PYTHON) deploy/local/bootstrap.py --dev

fmt: init-dev ## format the code
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)

lint: init-dev ## check style, formatting and the import rules
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports

types: init-dev ## check the types
	$(BIN)/mypy $(wildcard libs/*/src services/*/src deploy/local/src deploy/compose tests benchmarks)

test: init-dev test-packages ## everything CI checks: style, types and all tests
	@$(MAKE) --no-print-directory --keep-going --jobs=2 test-images lint types test-js
	@$(MAKE) --no-print-directory --keep-going --jobs=3 e2e test-first test-second e2e-compose

# Two halves of about the same length, since one after the other they take half an hour.
FIRST_HALF := tests/unit tests/integration/builder
.PHONY: test-first test-second
test-first: init-dev
	$(PYTEST) $(FIRST_HALF) $(ARGS)

test-second: init-dev
	$(PYTEST) $(filter-out $(FIRST_HALF),$(wildcard tests/integration/*)) $(ARGS)

# The images that tests on a container engine begin with; made once per machine, in minutes where nothing is there yet.
.PHONY: test-images
test-images: init-dev
	@$(BIN)/python -m tests.support.engine

test-unit: init-dev ## the tests that start nothing
	$(PYTEST) tests/unit $(ARGS)

test-js: init-dev ## the pages' modules that need no browser, and what is loaded into the proxy
	node --test tests/js/*.test.mjs

test-integration: init-dev ## each service with a real Postgres
	$(PYTEST) tests/integration $(ARGS)

e2e: init-dev test-packages ## the whole stack: a real hub, a real JupyterLab, a real browser
	$(PYTEST) tests/e2e --ignore=tests/e2e/compose $(ARGS)

e2e-compose: init-dev test-packages ## docker-compose.yml on a real engine, with kills; as root
	$(PYTEST) tests/e2e/compose $(ARGS)

screenshots: init-dev test-packages ## take the pictures in docs/screenshots of the instance that make up runs (ARGS=launch for one)
	$(BIN)/python -m tests.e2e.screenshots $(ARGS)

bench: init-dev ## measure; writes JSON to bench-results/
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-docker
bench-docker: init-dev ## measure what needs a container engine: builds beside repo2docker alone, starts of servers
	$(BIN)/python -m benchmarks docker-builds docker-servers $(ARGS)

openapi: init-dev ## write docs/api/ and docs/configuration.md from the code
	$(BIN)/python -m heliostat_local.documents docs

config-docs: openapi ## the same

lock: init-dev ## resolve the dependencies again within what is declared (ARGS=--upgrade for the newest)
	$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(COMPILE) $(WITHOUT_RICH) pyproject.toml requirements/build.in -o requirements/control-plane.txt
	$(COMPILE) -c requirements/control-plane.txt libs/singleuser/pyproject.toml requirements/singleuser.in \
		-o requirements/singleuser.txt
	$(COMPILE) -c requirements/control-plane.txt -c requirements/singleuser.txt libs/singleuser/pyproject.toml \
		requirements/singleuser.in requirements/collaboration.in -o requirements/collaboration.txt
	$(COMPILE) -c requirements/control-plane.txt -c requirements/singleuser.txt pyproject.toml \
		--group pyproject.toml:dev libs/singleuser/pyproject.toml requirements/build.in requirements/singleuser.in \
		-o requirements/dev.txt
	$(COMPILE) -c requirements/control-plane.txt requirements/build.in -o requirements/build.txt
	$(COMPILE) requirements/npm.in -o requirements/npm.txt
	$(COMPILE) -c requirements/singleuser.txt requirements/environment.in -o requirements/environment.txt
	for part in libs/hub services/builder services/policy services/sessions; do \
		$(COMPILE) -c requirements/control-plane.txt $$part/pyproject.toml -o requirements/$${part#*/}.txt || exit 1; \
	done
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

clean: ## remove everything installed and every cache; never the state directory
	rm -rf .venv .uv node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build

# Programs of the machine that the tests use: a browser, and what makes size-limited volumes.
.PHONY: test-packages
test-packages:
	@deploy/local/test-packages
