.PHONY: check test e2e

check: ## what a change has to pass: format, lint, types, tests without a browser
	ruff format --check .
	ruff check .
	mypy
	$(MAKE) test

test: ## every test that needs no browser
	python -m pytest -m "not browser"

e2e: ## the stories in a real Chromium
	python -m pytest -m browser
