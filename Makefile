.PHONY: check test e2e mutation audit

check: ## what a change has to pass: format, lint, types, tests without a browser
	ruff format --check .
	ruff check .
	mypy
	$(MAKE) test

test: ## every test that needs no browser
	python -m pytest -m "not browser"

e2e: ## the stories in a real Chromium
	python -m pytest -m browser

mutation: ## how many faults planted in the verifier its tests find (requirements-mutation.txt; half an hour of two cores)
	mkdir -p mutants
	mutmut run > mutants/progress.log
	mutmut results
	mutmut export-cicd-stats
	cat mutants/mutmut-cicd-stats.json

audit: ## before a release: the installed packages against the known advisories; fails where it could not look
	python3 -m venv build/tools
	build/tools/bin/pip install -q -r .ci/requirements.txt
	build/tools/bin/python .ci/supply_chain.py audit "$$(command -v python)"
