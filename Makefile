# Everything sets itself up in .venv; nothing needs to be installed by hand but Python >= 3.11, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Compiled programs are kept between runs, outside of the checkout; nothing depends on them.
export JAX_COMPILATION_CACHE_DIR ?= $(HOME)/.cache/paralens/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0.2
export JAX_PLATFORMS ?= cpu

.PHONY: demo test test-long test-fast check bench pictures tried lint types wheel clean

demo: $(VENV)/.demo
	$(BIN)/python -m paralens demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not long"

test-long: $(VENV)/.long
	$(BIN)/python -m pytest -n 2 --dist worksteal -m long

test-fast: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not long"

check: lint types test

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

pictures: $(VENV)/.demo
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/outputs.py

tried: $(VENV)/.test
	$(BIN)/python docs/make_tried.py

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/pyright --pythonpath $(BIN)/python

wheel: $(VENV)/.dev
	rm -rf build
	$(BIN)/python -m build --wheel

clean:
	rm -rf build dist out *.egg-info

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade pip "setuptools>=80"

$(VENV)/.demo $(VENV)/.test $(VENV)/.long $(VENV)/.dev: $(VENV)/.%: pyproject.toml | $(BIN)/python
	@echo "installing Paralens with the extra [$*] into $(VENV); the first time takes two or three minutes"
	@PYTHONWARNINGS=ignore $(PIP) install --editable ".[$*]"
	touch $@
