# Every target works on a machine with python3 (and its venv module), make and pip: `.venv` is made when it is missing.

PYTHON ?= python3
SIMT_PYTHON ?= $(BIN)/python
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TRITON := triton==3.9.0
TORCH := torch==2.13.0
LIBRARIES := liger-kernel==0.8.5 fla-core==0.6.0 einops==0.8.2
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
TORCH_CUDA_SIZE := 2.7 GB
PARALLEL := --numprocesses auto --dist worksteal
CENSUS = $(if $(ONLY),--only $(ONLY)) $(if $(AGAIN),--again)
HAS_CLANG := from triton_alloy.msl_cpu.compile.build import find_compiler; exit(find_compiler().family == "gcc")
HAS_CLANG_WHEEL := import importlib.util; exit(importlib.util.find_spec("ziglang") is None)
PACKAGES := import sysconfig; print(sysconfig.get_paths()["purelib"])
ON_LINUX := $(filter Linux,$(shell uname -s))

.PHONY: torch-mps torch-mps-cold agx equality map replay frontend-times help demo test lint format bench upstream conformance families corpus libraries programs doubles runtimes wheel-macos mac pythons passes pressure registers simt-records simt sanitize seeds clean
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 20

demo: .venv/demo ## run the example kernels and compare them with NumPy
	$(BIN)/triton-alloy demo

test: .venv/test ## run the tests
	$(BIN)/python -m pytest -q $(PARALLEL) $(TESTS)

lint: .venv/test .venv/lint ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: .venv/lint ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/test ## measure what the README claims
	$(BIN)/triton-alloy bench $(BENCH)

upstream: .venv/test ## run Triton's own tutorials and language tests: make upstream TRITON_SOURCE=folder SUITE='--files core'
	$(if $(TRITON_SOURCE),,$(error TRITON_SOURCE must name a Triton source tree))
	$(PIP) tabulate scipy
	TRITON_SOURCE="$(TRITON_SOURCE)" $(BIN)/python -m pytest -q -m upstream tests/upstream
	$(BIN)/python -m tests.upstream.suite "$(TRITON_SOURCE)" $(SUITE)

equality: .venv/test ## compare modules of native libtriton and ours: make equality TRITON_SOURCE=folder
	$(PIP) tabulate filecheck
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.equality.run $(TRITON_SOURCE) $(EQUALITY)

map: ## print what every file of the source is for: make map FOLDER=transforms
	@$(PYTHON) -m tests.source_map $(FOLDER)

replay: .venv/test ## compare the texts of two revisions: make replay BASE=main [CORPUS=folder or archive] [TRITON_SOURCE=folder]
	$(BIN)/python -m tests.replay.run $(or $(BASE),HEAD) $(if $(CORPUS),--corpus "$(CORPUS)") \
		$(if $(TRITON_SOURCE),--source "$(TRITON_SOURCE)") $(REPLAY)

frontend-times: .venv/test ## measure Triton's front end on native libtriton and on ours
	$(BIN)/python -m tests.equality.frontend_times

conformance: .venv/test ## check against what Apple and MLX ship: kernels, headers (downloads MLX's macOS wheel)
	$(BIN)/python -m pytest -q $(PARALLEL) -m conformance tests/msl_cpu/conformance tests/msl_cpu/strict tests/runtime

corpus: .venv/test ## compile a corpus of TTIR modules: make corpus CORPUS=folder or archive
	$(if $(CORPUS),,$(error CORPUS must name a folder or an archive of .mlir files))
	$(BIN)/python -m tests.corpus.run_corpus "$(CORPUS)"

libraries: .venv/test ## run the kernels of Liger and flash-linear-attention: make libraries TESTS=tests/libraries/test_fla.py
	rm -rf build/libraries
	$(PIP) --no-deps --target build/libraries $(LIBRARIES)
	PYTHONPATH="$(CURDIR)/build/libraries" $(BIN)/python -m pytest -q $(PARALLEL) -m libraries \
		$(or $(TESTS),tests/libraries)

programs: .venv/test ## compare random Triton programs with NumPy: make programs COUNT=2000 PROGRAMS='--of float64'
	$(BIN)/python -m tests.random_programs.run $(or $(COUNT),1000) --first $(or $(FIRST),0) $(PROGRAMS)

doubles: .venv/test ## compare the doubles of GPUs with the processor's and measure their functions: make doubles DOUBLES='exp pow'
	$(BIN)/python -m tests.doubles.run $(DOUBLES)

families: .venv/test ## print the kernels of the tests for every GPU family, and check every text
	ALLOY_TEST_FAMILIES=1 $(BIN)/python -m pytest -q $(PARALLEL) tests/kernels

runtimes: .venv/test ## run the kernel tests through the runtimes of a Mac: torch_mps on CPU tensors, metal on a double
	ALLOY_RUNTIME=torch_mps $(BIN)/python -m pytest -q $(PARALLEL) tests/kernels
	ALLOY_RUNTIME=metal $(BIN)/python -m pytest -q $(PARALLEL) tests/kernels

wheel-macos: .venv/demo ## build our wheel for macOS, with Triton's Python files in it (fetches Triton's wheel)
	rm -rf build/pure dist
	$(PIP) wheel
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/pure .
	$(BIN)/python -m triton_alloy.tools.macos_wheel build/pure/*.whl --output dist

# An environment whose Triton is the one in our macOS wheel. The other packages are those of .venv, behind it.
mac: .venv/test wheel-macos ## run the demo and the kernel tests as on a Mac: without a native Triton
	rm -rf build/mac
	$(BIN)/python -m venv build/mac
	$(PIP) --target $$(build/mac/bin/python -c '$(PACKAGES)') --platform macosx_13_0_arm64 --only-binary=:all: \
		--no-deps dist/*.whl
	$(BIN)/python -c '$(PACKAGES)' > $$(build/mac/bin/python -c '$(PACKAGES)')/zz_shared.pth
	build/mac/bin/python -m triton_alloy demo
	build/mac/bin/python -m pytest -q $(PARALLEL) $(or $(TESTS),tests/kernels)

pythons: .venv/test wheel-macos ## run our macOS wheel under other Pythons: make pythons PYTHONS='python3.13 pyodide@0.27.7'
	$(if $(PYTHONS),,$(error PYTHONS must name interpreters, or pyodide@VERSION from npm))
	$(BIN)/python -m tests.equality.pythons dist/*.whl $(PYTHONS)

pressure: .venv/test ## the compiler's estimate of registers beside NVRTC's: make pressure TEXTS=softmax
	$(BIN)/python -m tests.simt.pressure $(TEXTS)

registers: .venv/test ## registers, arrays in memory and access widths of the benchmarks' texts: make registers TEXTS=softmax
	$(BIN)/python -c '$(HAS_CLANG_WHEEL)' || $(PIP) --editable '.[compiler]'
	$(BIN)/python -m tests.simt.registers $(TEXTS)

agx: .venv/test ## registers, spills and loops of the benchmarks' texts in Apple's machine code: make agx TEXTS=matmul
	$(BIN)/python -m tests.agx.run $(TEXTS)

torch-mps: .venv/test ## torch.compile on a device mps, a census of programs: make torch-mps ONLY='sort softmax' [AGAIN=1]
	$(BIN)/python -m triton_alloy.mps_on_linux tests/torch_mps/run.py --device mps $(CENSUS)
	$(BIN)/python tests/torch_mps/run.py --device cpu $(CENSUS)
	-TRITON_ALLOY_INDUCTOR=0 $(BIN)/python -m triton_alloy.mps_on_linux tests/torch_mps/run.py --label own $(CENSUS)
	$(if $(ONLY),,$(BIN)/python -m tests.torch_mps.report)

torch-mps-cold: .venv/test ## the census's tuned programs three times with empty caches, and times of first calls
	$(BIN)/python -m tests.torch_mps.cold_runs
	$(BIN)/python -m triton_alloy.mps_on_linux tests/torch_mps/times.py

simt-records: .venv/test ## record what the kernel tests do, for make simt on a machine with an NVIDIA GPU: build/simt
	$(BIN)/python -m tests.simt.records $(RECORDS) -- -n $(or $(JOBS),auto) tests/kernels

simt: ## on an NVIDIA GPU: replay the records, look for races, time the texts: make simt SIMT_PYTHON=python3 PART=speed
	$(SIMT_PYTHON) -m tests.simt $(or $(PART),all) --records build/simt --out build/simt/results $(SIMT)

sanitize: .venv/test ## run the kernel tests with every access to memory checked
	$(BIN)/python -m pytest -q $(PARALLEL) --sanitize tests/kernels

passes: .venv/test ## compare our TTIR passes with native's: make passes TTIR=folder of .ttir files [EVERY=10]
	$(if $(TTIR),,$(error TTIR must name a folder of unoptimised modules))
	$(BIN)/python -m tests.frontend.passes.against_native "$(TTIR)" $(or $(EVERY),1)

seeds: .venv/test ## run the sanitizer's kernels in 20 orders each
	MSL_CPU_TEST_SEEDS=20 $(BIN)/python -m pytest -q tests/msl_cpu/sanitize

clean: ## remove what make has made
	rm -rf .venv build dist src/*.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

# A C++ compiler is needed to run kernels on the CPU. Where there is no clang++, a wheel brings one.
.venv/demo: pyproject.toml Makefile | .venv/bin/python
	$(PIP) --editable . $(if $(ON_LINUX),$(TRITON))
	$(if $(ON_LINUX),,$(BIN)/triton-alloy setup)
	$(BIN)/python -c '$(HAS_CLANG)' 2>/dev/null || $(PIP) --editable '.[compiler]'
	@touch $@

# On Linux PyPI's PyTorch is the CUDA build, which is huge and replaces Triton by the release that it was built for. The
# CPU build comes from wherever pip is told to look, else from PyTorch's own index; where neither has it, PyPI's does as
# well, with our Triton put back.
.venv/test: .venv/demo
ifdef ON_LINUX
	$(PIP) '$(TORCH)+cpu' 2>/dev/null \
		|| $(PIP) --retries 1 --extra-index-url $(TORCH_CPU_INDEX) '$(TORCH)+cpu' 2>/dev/null \
		|| { echo "No CPU build of PyTorch can be reached: taking PyPI's, for CUDA ($(TORCH_CUDA_SIZE) to download)."; \
			$(PIP) '$(TORCH)'; }
endif
	$(PIP) --editable '.[test]'
	$(if $(ON_LINUX),$(PIP) --no-deps $(TRITON))
	@touch $@

.venv/lint: .venv/demo
	$(PIP) --editable '.[lint]'
	@touch $@
