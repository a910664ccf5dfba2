# Python 3.11 or newer, with pip, is all that a fresh clone needs.
#
#   make demo     record sessions into an embedded cloud and read them back
#   make test     everything that CI checks
#
# Each makes what it needs under .venv* first. PYTHON=... chooses the Python.

PYTHON ?= python3
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# The first one that is new enough and can make environments.
fits := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
candidates = $(PYTHON) python3.14 python3.13 python3.12 python3.11
python = $(shell for p in $(candidates); do if $$p -c '$(fits)' 2>/dev/null; then echo $$p; break; fi; done)

bin := .venv/bin
pip := $(bin)/python -m pip --quiet --quiet --disable-pip-version-check

.PHONY: help demo test check lint types layers generated models sync docs bench clean

help:
	@sed -n 's/^#   //p' Makefile
	@echo "make check    all but the tests: lint, types, layers, generated files"
	@echo "make models   make src/moonsense/models from proto/ again"
	@echo "make sync     make the client for threads from the one for asyncio again"
	@echo "make docs     make the tables in docs/ and the reference again"
	@echo "make bench    measure, beside the published clients"
	@echo "make clean    remove what these made"

demo: .venv/.installed
	@$(bin)/moonsense demo

test: .venv/.tools
	@$(bin)/python scripts/side_environments.py
	@$(MAKE) --no-print-directory check
	@$(bin)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

check: lint types layers generated

lint: .venv/.tools
	@$(bin)/ruff check
	@$(bin)/ruff format --check

types: .venv/.tools
	@$(bin)/mypy

layers: .venv/.tools
	@$(bin)/python scripts/check_layers.py

generated: .venv/.tools
	@$(bin)/python scripts/side_environments.py models
	@if test -x .venv-models/bin/python; then .venv-models/bin/python scripts/generate_models.py --check; fi
	@$(bin)/python scripts/generate_sync.py --check
	@$(bin)/python scripts/generate_docs.py --check
	@$(bin)/python scripts/generate_reference.py --check

models: .venv/.tools
	@$(bin)/python scripts/side_environments.py models
	@.venv-models/bin/python scripts/generate_models.py

docs: .venv/.tools
	@$(bin)/python scripts/generate_docs.py
	@$(bin)/python scripts/generate_reference.py

sync: .venv/.tools
	@$(bin)/python scripts/generate_sync.py

bench: .venv/.tools
	@$(bin)/python scripts/side_environments.py 0.5.0 0.13.1
	@$(bin)/python -m benchmarks

clean:
	rm -rf .venv .venv-models .venv-peers .bench build dist
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis
	rm -rf src/moonsense.egg-info src/moonsense/codec/_objects*.so src/moonsense/codec/arrow/_scan*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What a user has: the package with every extra.
.venv/.installed: pyproject.toml setup.py $(wildcard src/moonsense/codec/_objects.c src/moonsense/codec/arrow/_scan.?pp)
	@test -n "$(python)" || { echo 'Python 3.11 or newer with venv is needed; name one with PYTHON=... (on Debian: apt-get install python3-venv)' >&2; exit 1; }
	@test -x $(bin)/python || { echo "making .venv with $(python)"; $(python) -m venv .venv; }
	@echo 'installing moonsense into .venv'
	@$(pip) install --editable '.[all]'
	@touch $@

# What a developer has besides.
.venv/.tools: .venv/.installed pyproject.toml
	@echo 'installing the test tools into .venv'
	@$(pip) install 'pip>=25.1'
	@$(pip) install --group test
	@touch $@
