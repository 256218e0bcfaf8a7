# Everything a person or a machine needs: `make help`. Each target does its own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))' 2>/dev/null \
  && command -v $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
UV = .tools/bin/uv
STAMPS := $(VENV)/.stamps
# Only our own directories decide what is installed: no index or configuration of the machine's user.
export UV_NO_CONFIG := 1
export UV_NO_PROGRESS := 1
export PYTHONDONTWRITEBYTECODE :=

DEMO_ARGS ?=
# One process more than there are cores, four at the most; TEST_ARGS replaces them. A file stays in one process, so that what a
# module sets up is set up once (groups are not seen by xdist 3.8 under pytest 9.2); files go in the order of tests/conftest.py.
TEST_ARGS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Of tests that try one thing in many places, each so many-th place; 1 takes all of them, as the workflow does.
TESTS_EACH ?= 6
export TESTS_EACH
BENCH_ARGS ?=

.PHONY: help setup demo test thorough lint format bench pictures app app-headless app-env lock clean system-packages

help: #-- show this list
	@grep -hE '^[a-z-]+:.*#--' $(MAKEFILE_LIST) | awk -F ':.*#-- ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(UV): requirements/uv.txt
	@[ -n "$(PYTHON)" ] || { echo "Mooring needs Python 3.11, 3.12 or 3.13 with pip. Install one, or say which: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@rm -rf .tools
	@echo "Setting up .venv (once) ..." >&2
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore --only-binary :all: --require-hashes --target .tools -r requirements/uv.txt
	@touch $@

$(STAMPS)/venv: $(UV)
	@$(UV) venv --quiet --clear --python "$(PYTHON)" $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/base: $(STAMPS)/venv requirements/base.txt requirements/build.txt pyproject.toml
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --only-binary :all: --require-hashes -r requirements/base.txt -r requirements/build.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q mooring
	@touch $@

$(STAMPS)/dev: $(STAMPS)/base requirements/dev.txt requirements/research.txt requirements/postgres.txt requirements/menubar.txt requirements/venues.txt
	@$(UV) pip install --quiet --python $(BIN)/python --only-binary :all: --require-hashes -r requirements/dev.txt -r requirements/postgres.txt
	@$(UV) pip install --quiet --python $(BIN)/python --only-binary :all: --require-hashes --no-deps -r requirements/venues.txt
	@touch $@

setup: $(STAMPS)/dev #-- make .venv with everything for work on the project

demo: $(STAMPS)/base #-- paper-trade a made-up market on this machine (DEMO_ARGS="--hours 48 --no-open --json")
	@$(BIN)/mooring demo $(DEMO_ARGS)

system-packages:
	@bash tools/system_packages.sh

test: setup system-packages #-- run the tests (TESTS_EACH=1: all cases; TEST_ARGS="-k name")
	$(BIN)/python -m pytest $(TEST_ARGS)

thorough: setup system-packages #-- hours: the tests that draw what they try, with as many as docs/testing.md names
	TESTS_EACH=1 TESTS_SCENARIOS=2000 TESTS_MUTATIONS=10000 TESTS_MUTANTS=20000 TESTS_SCHEMA_EXAMPLES=500 \
	  $(BIN)/python -m pytest -n auto --maxprocesses 4 --timeout 0 \
	  tests/faults/test_scenarios.py tests/faults/test_killed_at_every_statement.py tests/property \
	  tests/acceptance/test_schemathesis.py

lint: setup #-- ruff, mypy, import rules, our own checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_purity.py
	$(BIN)/python tools/check_tree.py

format: setup #-- format and fix what can be fixed by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pictures: setup system-packages #-- take the pictures of the menu bar anew, on a screen of its own (docs/images)
	$(BIN)/python -m tests.acceptance.tray_pictures docs/images

bench: setup #-- the project's own benchmarks, ratios in one run (BENCH_ARGS="step")
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

# The application is built where only what it ships is installed, so that nothing of a developer's tools gets in.
APP_ENV := build/app/venv
$(APP_ENV)/.made: $(UV) requirements/base.txt requirements/menubar.txt requirements/build.txt requirements/app.txt pyproject.toml
	@$(UV) venv --quiet --clear --python "$(PYTHON)" $(APP_ENV)
	@$(UV) pip install --quiet --python $(APP_ENV)/bin/python --only-binary :all: --require-hashes -r requirements/menubar.txt -r requirements/build.txt -r requirements/app.txt
	@$(UV) pip install --quiet --python $(APP_ENV)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

app-env: $(APP_ENV)/.made

app: app-env #-- freeze command, daemon and menu bar into dist/, try them, and say what takes the room
	@$(APP_ENV)/bin/python tools/build_app.py

app-headless: app-env #-- the same without the menu bar and Qt
	@$(APP_ENV)/bin/python tools/build_app.py --headless

lock: #-- write requirements/*.txt anew from pyproject.toml
	@bash tools/lock.sh

clean: #-- remove what set-up and builds left here
	rm -rf $(VENV) .tools build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
