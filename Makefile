# One verb a command; CI calls the same ones.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup run judges test test-slow check format bench tour portraits words clean

help:           ## List the verbs.
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: .venv/installed  ## Make .venv, install the bot, fetch the starters. Later runs take seconds.
	@$(BIN)/python -m bot models fetch --starters

run: setup      ## Start the bot: in the playground, or on Discord if there is a token.
	@exec $(BIN)/python -m bot run

judges: .venv/installed-parity  ## Install the implementations that judge our nets; tests say where they lack.

test: setup .venv/installed-dev .venv/test-tools  ## Run the tests, but for the slow ones.
	$(BIN)/python -m pytest -n 2 -m "not slow and not alone"
	$(BIN)/python -m pytest -m "alone and not slow"

test-slow: setup .venv/installed-dev  ## Run the slow tests.
	$(BIN)/python -m pytest -m slow

check: .venv/installed-dev  ## Lint, formatting, types, import contracts.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed-dev  ## Put the code into shape.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup .venv/installed-dev  ## Measure; each script ends in one line of JSON.
	@for script in benchmarks/*.py; do PYTHONPATH=. $(BIN)/python $$script || exit 1; done

tour: setup .venv/installed-dev  ## Ask every command something in the playground; writes docs/tour.md.
	@$(BIN)/python docs/tour.py

portraits: setup .venv/installed-dev  ## Photograph every command at work; writes docs/commands.md.
	@$(BIN)/python docs/portraits.py

words: .venv/installed-dev  ## Bring the catalogues of other languages up to date with the code.
	@$(BIN)/python -m bot.locales.collect

clean:          ## Remove what setup made in this folder; checkpoints stay in the cache.
	rm -rf .venv

.venv/installed: pyproject.toml constraints.txt
	@echo "Installing into .venv (about 2 GB; a few minutes the first time)..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/installed-dev: .venv/installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

.venv/installed-parity: .venv/installed-dev
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,parity]'
	@touch $@

# Debian's chromium for the tests of the page, a Japanese font for those of manga columns: installed
# where that may be done, else those tests say why they are skipped.
.venv/test-tools: .venv/installed-dev
	@{ command -v chromium && fc-list :lang=ja | grep -q . ; } >/dev/null 2>&1 || \
	  { command -v apt-get && [ "$$(id -u)" = 0 ] && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-vlgothic; } >/dev/null || \
	  echo "No right to install chromium and a Japanese font: some tests will be skipped."
	@touch $@
