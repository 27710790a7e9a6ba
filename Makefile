# What people run: `make` lists it, `make demo` shows the whole thing at work.

# Outside the checkout, so that a fresh clone finds the compiled dependencies again.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hirundo/target
# The demo's captures, lake and figure; `data` is not under version control.
DEMO = data/demo
# A sample of CISA's catalogue of exploited vulnerabilities, for the demo alone; docs/report.md says where the whole is.
KNOWN = crates/hirundo/tests/data/known/known_exploited_vulnerabilities.sample.json
# Seconds of fuzzing, all targets together.
FUZZ_SECS = 600

CARGO_QUICK = --profile quick --locked
HIRUNDO = $(CARGO_TARGET_DIR)/quick/hirundo
# Reference pages that `hirundo docs` prints.
PAGES = tables functions reasons
# A registry that cannot be reached is given up after seconds, not minutes.
NPM = npm_config_fetch_retries=1 npm_config_fetch_retry_mintimeout=1000 npm_config_fetch_retry_maxtimeout=5000

.DEFAULT_GOAL := help
.PHONY: help demo geo fonts build release sensor-static sensor-deb test fmt lint unit doc check-docs docs golden bench fuzz evaluate chaos fleet demo-fleet clean-demo

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: geo fonts build ## Simulate two quarters, ingest them, show rankings and a trend, write the quarterly report
	@set -e; \
	run() { printf '\n$$ hirundo'; printf ' %s' "$$@"; printf '\n'; "$(HIRUNDO)" "$$@"; }; \
	export HIRUNDO_LAKE="$(DEMO)/lake"; \
	if [ -f "$(DEMO)/captures/truth.json" ]; then \
		printf '\n%s\n' "The captures of an earlier demo are there (make clean-demo removes them)."; \
	else \
		mkdir -p "$(DEMO)"; \
		run simulate two-quarters-2022 --out "$(DEMO)/captures" --seed 1; \
	fi; \
	run ingest "$(DEMO)/captures"; \
	run top ports --period 2022Q2 -n 5; \
	run top regions --period 2022Q2 -n 5; \
	run trend ports --period 2022Q2; \
	run known 37777/tcp --known "$(KNOWN)"; \
	run report investigate 2022Q2 --dir "$(DEMO)/reports"; \
	[ -f "$(DEMO)/reports/notified.csv" ] || run report notified 2022Q2 --dir "$(DEMO)/reports"; \
	run report 2022Q2 --lang ja,en --dir "$(DEMO)/reports" --known "$(KNOWN)"; \
	printf '\n%s\n' \
		"That was simulated traffic; its truth is in $(DEMO)/captures/truth.json. Its quarterly report:" \
		"  $(DEMO)/reports/2022Q2/2022Q2.en.html   2022Q2.en.pdf   2022Q2.ja.html   2022Q2.ja.pdf" \
		"Go on with:" \
		"  export PATH=\"$(CARGO_TARGET_DIR)/quick:\$$PATH\" HIRUNDO_LAKE=$(DEMO)/lake" \
		"  hirundo report init 2022Q2 --dir $(DEMO)/reports" \
		"  hirundo trend all --period 2022Q2 --mark mirai --region JP" \
		"  hirundo query \"SELECT ip(src), count(*) FROM packets GROUP BY src ORDER BY 2 DESC LIMIT 10\"" \
		"  hirundo --lang ja top regions --period 2022Q2 --by cumulative-sources --tool mirai" \
		"and with docs/guide.md, where your own captures come in."

demo-fleet: ## Three sensors and a centre on this machine, live, for about a minute
	scripts/fleet.sh demo

# Without databases everything works; sources are then nowhere (region ZZ).
geo:
	@$(NPM) sh setup/geo.sh >/dev/null || printf '%s\n' \
		"WARNING: there are no databases of regions and ASes: every region will be ZZ and every AS unknown." \
		"hint: install Node.js with npm and run setup/geo.sh, or put .mmdb files into data/geo, then make clean-demo demo" >&2

# Without fonts everything works; the report is then written without its PDF.
fonts:
	@$(NPM) sh setup/fonts.sh >/dev/null || printf '%s\n' \
		"WARNING: there are no fonts for PDFs; reports are written as pages only." \
		"hint: install Node.js with npm and run setup/fonts.sh" >&2

build: ## Build the program quickly (debug assertions on)
	cargo build $(CARGO_QUICK) -p hirundo

release: ## Build the program as it is installed and measured
	cargo build --release --locked -p hirundo
	@echo "built $(CARGO_TARGET_DIR)/release/hirundo"

sensor-static: ## Build the sensor as one static file; says how large it is
	scripts/sensor-static.sh

sensor-deb: ## Make the sensor's Debian package and try it in an empty root
	scripts/sensor-deb-test.sh "$$(scripts/sensor-deb.sh)"

test: fmt lint unit fleet doc check-docs ## Everything a change must pass

fmt:
	cargo fmt --all --check

lint:
	cargo clippy $(CARGO_QUICK) --workspace --all-targets -- -D warnings

unit:
	cargo test $(CARGO_QUICK) --workspace

fleet: ## Real captures through sensors; a small fleet that is broken for 40 seconds, every packet counted
	python3 -B -m unittest discover -s scripts/fleet
	scripts/fleet.sh replay ../shared/traces
	scripts/fleet.sh chaos --short

chaos: ## A fleet in which everything breaks for ten minutes, then every packet is counted (needs root)
	scripts/fleet.sh chaos

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_QUICK) --workspace --no-deps --lib

check-docs: build ## Compare the reference pages with what the program says
	@for page in $(PAGES); do \
		"$(HIRUNDO)" docs $$page | diff -u docs/reference/$$page.md - || \
		{ echo "docs/reference/$$page.md is not what the program says; hint: make docs" >&2; exit 1; }; \
	done

docs: build ## Write the reference pages anew
	@mkdir -p docs/reference
	@for page in $(PAGES); do "$(HIRUNDO)" docs $$page >docs/reference/$$page.md || exit 1; done

golden: docs ## Write all golden files anew; then read the diff
	UPDATE_GOLDEN=1 HIRUNDO_UPDATE_GOLDEN=1 cargo test $(CARGO_QUICK) --workspace

bench: release ## Measure (release build)
	scripts/bench.sh

fuzz: ## Fuzz every target, ten minutes in all
	scripts/fuzz.sh $$(($(FUZZ_SECS) / $(words $(wildcard fuzz/fuzz_targets/*.rs))))

evaluate: release ## Hold what reports say against the truth of many simulations
	scripts/evaluate.sh

clean-demo: ## Remove what the demo made
	rm -rf "$(DEMO)/captures" "$(DEMO)/lake" "$(DEMO)/reports"
