# Everything a fresh machine needs: `make search` and `make test`.

VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: search test test-all lint clean

search: $(INSTALLED)
	$(BIN)/python -m nasbench search --space mbconv --latency 20ms

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not alone" --hypothesis-profile=new
	$(BIN)/python -m pytest -m alone --hypothesis-profile=new

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "nasbench needs Python 3.11 or newer; set PYTHON=/path/to/it")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip
	$(BIN)/python -m pip install -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
