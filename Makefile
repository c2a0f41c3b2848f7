# The two commands to know: `make demo` and `make test`. Each first makes the environment in .venv, once.
#
#   PYTHON=...    a Python >= 3.11 (default: the first that works)
#   PIP_ARGS=...  options for pip, such as an index with CPU-only builds of torch

works = $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $(call works,$$p) && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
DOCS_READY := .venv/.docs-ready

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## */  make \1\t/p' Makefile

demo: $(READY)  ## train on a small real data set, impute genes hidden from it, draw them on the tissue
	$(BIN)/inclust demo

test: lint  ## lint, types and the whole test suite, with a real viewer
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)  ## style, types and declared dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/deptry src

docs: $(DOCS_READY)  ## the documentation as a site in site/
	$(BIN)/mkdocs build --strict

bench: $(READY)  ## speed, memory and accuracy, as a table in docs/benchmarks.md
	$(BIN)/python -m benchmarks

clean:  ## remove the environment and everything built
	rm -rf .venv build dist site inclust-demo .pytest_cache .mypy_cache .ruff_cache

# Set-up: torch first and pinned, so that pip never replaces it by another build.
$(READY): pyproject.toml constraints.txt .ci/packages
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	.ci/packages $(PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[all,test]'
	@touch $@

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[docs]'
	@touch $@
