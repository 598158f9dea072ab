# make run    install what is missing, build, start everything on embedded SQLite
# make demo   the same, filled with a demo organization, API, users and traffic
# make test   install what the tests need, then format, lints, and all tests (SQLite, PostgreSQL, browser)
# make test-older OLDER=FILE  an older executable beside this build, on one database
# make bench  the side-by-side benchmark; writes bench/RESULTS.md
# make bench-curves  how cost grows with routes, keys, bodies, connections, changes; full chain, memory; writes bench/CURVES.md
# make bench-hits  what an answer from the cache costs; writes bench/HITS.md
# make bench-policies  what each policy adds to a request; writes bench/POLICIES.md
# make bench-platform  how long changes and dashboards take, what records cost; writes bench/PLATFORM.md
# make bench-instructions  instructions of a request's way, against bench/INSTRUCTIONS.json

SHELL := /bin/bash
# Outside the checkout by wish: CARGO_TARGET_DIR=… make test
export CARGO_TARGET_DIR ?= $(CURDIR)/target
PROFILE ?= release
BIN := $(CARGO_TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/portunus

.PHONY: run demo build front test test-older bench bench-curves bench-hits bench-policies bench-platform bench-instructions toolchain

toolchain:
	@.ci/toolchain

# The browser part has a target directory of its own, beside the server's.
front: toolchain
	cargo xtask front

build: front
	cargo build --workspace --profile $(PROFILE)

run: build
	$(BIN) up

demo: build
	$(BIN) up --demo

test: toolchain
	@.ci/test

# OLDER=FILE: an executable of an older release, kept from its build.
test-older: front
	@.ci/packages postgresql
	@test -x "$(OLDER)" || { echo "make test-older OLDER=FILE: an executable of an older release"; exit 64; }
	cargo build --workspace
	PORTUNUS_BIN=$(CARGO_TARGET_DIR)/debug/portunus PORTUNUS_OLDER_BIN=$(abspath $(OLDER)) \
	  .ci/with-postgres cargo test -p e2e --test it older -- --ignored --nocapture

bench:
	@bench/run

bench-curves:
	@bench/curves

bench-hits:
	@bench/hits

bench-policies:
	@bench/policies

# RATES=FILE: what the tests printed that bench/platform names.
bench-platform:
	@.ci/packages postgresql
	@.ci/with-postgres bench/platform $(if $(RATES),--rates $(RATES))

bench-instructions:
	@.ci/packages valgrind
	@bench/instructions
