# Two commands: `make lab` opens the course, `make test` proves the project. Both set up what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help lab test build results grade-demo demo site doctor setup system lint clean
.DEFAULT_GOAL := help

help:
	@echo "make lab         set up and open JupyterLab on the course (ARGS=--no-browser on a server)"
	@echo "make test        set up and run everything that proves the project"
	@echo "make build       build the notebooks of course/ and solutions/ from the text sources"
	@echo "make results     measure the units' claims again (minutes)"
	@echo "make grade-demo  grade a sample class"
	@echo "make demo        open the live explorers full-screen, for a projector"
	@echo "make site        make a web site of the course in site/, without solutions, to be read offline"
	@echo "make doctor      say what this machine has and what is missing"

lab: setup
	@$(BIN)/kdtutor lab $(ARGS)

build: setup
	@$(BIN)/kdtutor build $(ARGS)

results: setup
	@$(BIN)/kdtutor results $(ARGS)

grade-demo: setup
	@$(BIN)/kdtutor grade-demo $(ARGS)

demo: setup
	@$(BIN)/kdtutor demo $(ARGS)

site: setup
	@$(BIN)/kdtutor site $(ARGS)

doctor: setup
	@$(BIN)/kdtutor doctor

# Two files at a time, one thread each, since two processes of two threads would wait for each other. A test that
# measures seconds may have the machine alone (tests/one_machine.py).
test: setup system lint
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

# Chromium for the browser tests and bubblewrap for the sandbox come from the system's packages.
system:
	@sh tests/system_packages.sh

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)"; rm -rf $(VENV); exit 1; }
	@echo "Installing the tested packages into $(VENV) (torch is large: a few minutes on a first run)"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -r requirements.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) artifacts site .pytest_cache .hypothesis .mypy_cache .ruff_cache
