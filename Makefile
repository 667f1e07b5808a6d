# The words of Millrace. Each sets up what it needs, once; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run test soak check format audit docs screenshots messages bench lock clean development
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
TEXTS := --ignore .venv --ignore var --ignore tests --ignore benchmarks --ignore vendor --no-obsolete --no-wrap --add-location file

help:
	@sed -n 's/^## //p' Makefile

## run      serve on http://127.0.0.1:PORT (8000) with everything kept in DATA_DIR (var/)
run:
	@scripts/install requirements.txt
	@exec $(BIN)/python manage.py serve

## test     all tests, shared by three processes, or some: make test ARGS="tests/deploy -k nginx"
test: development
	@scripts/install-system
	@exec $(BIN)/python -m pytest $(or $(ARGS),--numprocesses 3 --no-loadscope-reorder)

## soak     the same laws for minutes on end: hundreds of files, and everything killed at random; SEED=N repeats a run
soak: development
	@scripts/install-system
	@exec $(BIN)/python -m pytest -m soak -s $(ARGS)

## check    lint, format, types, import rules, migrations, deployment settings, documentation, known vulnerabilities
check: development
	@scripts/check

## format   put the code into its one shape
format: development
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

## docs     write what the documentation takes from the code, and check its links and commands
docs: development
	@env -u PORT -u DATA_DIR SECRET_KEY=none $(BIN)/python scripts/reference.py
	@$(BIN)/python scripts/docs.py

## screenshots  take the pictures in docs/ anew, of a real server in a real browser
screenshots: development
	@scripts/install-system
	@exec $(BIN)/python -m tests.pages.screenshots

## messages  bring the translations up to date with the texts (needs gettext), to be filled in by hand
messages: development
	@$(BIN)/python manage.py makemessages --locale de --domain django $(TEXTS)
	@$(BIN)/python manage.py makemessages --locale de --domain djangojs $(TEXTS)
	@$(BIN)/python manage.py compilemessages --locale de --ignore .venv

## audit    ask for known vulnerabilities of the pinned packages (needs the network)
audit: development
	@AUDIT=required scripts/audit

## bench    the benchmarks, side by side with their peers
bench: development
	@exec $(BIN)/python -m benchmarks $(ARGS)

## lock     write requirements.txt and requirements-dev.txt from pyproject.toml; UPGRADE=1 for the newest of all
lock: development
	@scripts/lock

## clean    remove what these words made, but never DATA_DIR
clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

development:
	@scripts/install requirements-dev.txt
