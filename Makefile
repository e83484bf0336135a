# One front door: `make` lints and tests.
.PHONY: all lint test verify
all: lint test

lint:
	ruff check .
	ruff format --check .
	mypy

test:
	pytest -q

verify:
	grader verify --seeds 3
