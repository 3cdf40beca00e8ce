# The front door. Everything here is a line that calls CMake or a script.
#
#   make               the program, build/dagrad
#   make examples      the program, and the programs and nodes of examples/
#   make demo          all set-up, then a network trained on real pictures
#   make test          all set-up, then every test
#   make install       program, library, headers, manual pages, completion (PREFIX=/usr/local, DESTDIR=)
#   make setup         only installs what is missing (Debian, Ubuntu)
#   make bench         dagrad beside its peers (make bench-peers installs those once)
#   make bench-strict  the same; status 1 where a goal is missed
#   make check-torch   gradients, samples, state dicts and ONNX files beside PyTorch
#   make longtest      the long versions of the tests: hours (BUDGET=25: what 25 minutes allow)
#   make fuzz          readers, language, runs, command lines on made-up input (SECONDS=60 each)
#   make tidy          style: format, line length, long functions, includes, macros, no warnings
#   make clean         removes build/, except the peers

MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CONFIGURE = cmake -S . -B build

all: configure
	@cmake --build build --target dagrad -j $(JOBS)

# Again where there is no program yet: perhaps zlib and jansson have been installed since.
configure:
	@[ -e build/CMakeCache.txt ] && [ -e build/dagrad ] || $(CONFIGURE)

examples: configure
	@cmake --build build --target dagrad examples -j $(JOBS)

setup:
	@bash scripts/setup.sh build demo test tidy

demo:
	@bash scripts/demo.sh

test:
	@bash scripts/test.sh

install: configure
	@cmake --build build --target install_set -j $(JOBS)
	@cmake --install build --prefix '$(PREFIX)'

bench: configure
	@cmake --build build --target bench -j $(JOBS)
	@bash scripts/bench.sh

bench-strict: configure
	@cmake --build build --target bench -j $(JOBS)
	@bash scripts/bench.sh --strict

bench-peers:
	@bash scripts/peers.sh

check-torch: configure
	@cmake --build build -j $(JOBS) --target dagrad
	@python=python3; [ -x build/peers/bin/python ] && python=build/peers/bin/python; \
	    for check in check_torch check_modules check_ops check_samples check_edges \
	        check_state_dicts check_exports; do \
	        $$python tests/torch/$$check.py build/dagrad || exit $$?; \
	    done; \
	    $$python -c 'import safetensors' 2>/dev/null || { echo 'docs/pytorch.md: SKIPPED: no' \
	        'safetensors; make bench-peers installs it'; exit 0; }; \
	    PATH="$$(cd "$$(dirname "$$(command -v $$python)")" && pwd):$$PATH" DAGRAD_TORCH=1 \
	        PAGES=docs/pytorch.md DAGRAD_PROGRAM="$$PWD/build/dagrad" bash tests/examples/test_pages.sh

longtest:
	@BUDGET='$(BUDGET)' bash scripts/longtest.sh

fuzz:
	@FUZZ_SECONDS='$(SECONDS)' ONLY='$(ONLY)' KEEP='$(KEEP)' bash scripts/fuzz.sh

tidy:
	@bash scripts/tidy.sh

clean:
	@find build -mindepth 1 -maxdepth 1 ! -name peers -exec rm -rf {} + 2>/dev/null || true

.PHONY: all configure examples setup demo test install bench bench-strict bench-peers check-torch longtest fuzz tidy clean
