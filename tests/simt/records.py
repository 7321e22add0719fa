"""Makes what a machine with an NVIDIA GPU needs, and what cannot be made there: `make simt-records`.

launches.xz: the launches of the kernel tests and of random programs on the CPU, with their memory before and after;
cubins.xz: their texts as machine code; workloads.xz: texts and machine code of what is timed. Needs no GPU.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.random_programs.generate import generate
from tests.random_programs.run import APPLE, compare, load_kernels
from tests.simt import nvrtc, recording
from tests.simt.archive import Archive, merged, save_blobs
from tests.simt.rewrite import rewrite
from tests.simt.workloads import WORKLOADS

FOLDER = Path(__file__).parents[2] / "build" / "simt"
CACHE = FOLDER.with_name("simt-cubins")
"""Machine code of texts that were compiled before."""
PROGRAMS, BATCH = 500, 20
LAUNCHES, CUBINS, TIMED = "launches.xz", "cubins.xz", "workloads.xz"
_MATRICES = "simdgroup_matrix"


def record_tests(folder: Path, arguments: Iterable[str]) -> None:
    """The kernel tests on the CPU, each process with its part of the records."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.simt.recording", f"--record={folder}"]
    subprocess.run([*command, "-k", f"{recording.FAMILY}-fast", *arguments], check=True)


def record_programs(count: int) -> Archive:
    """Random programs of fixed seeds; each must give what NumPy computes."""
    archive = Archive()
    with tempfile.TemporaryDirectory() as folder, recording.recording(archive) as recorder:
        for first in range(0, count, BATCH):
            programs = [generate(seed) for seed in range(first, min(first + BATCH, count))]
            for program, kernel in zip(programs, load_kernels(programs, Path(folder)), strict=True):
                recorder.origin = f"random program {program.name}"
                failure = compare(program, kernel, APPLE)
                if failure is not None:
                    raise AssertionError(str(failure))
    return archive


def cubin_of(job: tuple[str, int, Path]) -> bytes | str:
    """The machine code of a text, from the cache if it is there; NVRTC's message where it does not compile."""
    source, product, cache = job
    program = rewrite(source, paired=product == nvrtc.TENSOR)
    key = hashlib.sha256(repr((nvrtc.header(product), program, nvrtc.version())).encode()).hexdigest()
    path = cache / key
    if not path.exists():
        try:
            compiled = nvrtc.compile_cuda(program, product)
        except nvrtc.CudaError as error:
            return str(error)
        cache.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compiled.cubin)
    return path.read_bytes()


def cubins(kernels: Mapping[str, Mapping[str, Any]], cache: Path, tensor: bool = False) -> dict[str, bytes]:
    """Name and product ("add_f32.0") -> machine code, on all cores; tensor: that of tensor cores, too.

    Raises CudaError with the names of all texts that do not compile.
    """
    jobs = {f"{name}.{nvrtc.EXACT}": (kernel["source"], nvrtc.EXACT, cache) for name, kernel in kernels.items()}
    if tensor:
        matrices = {name: kernel for name, kernel in kernels.items() if _MATRICES in kernel["source"]}
        jobs |= {f"{name}.{nvrtc.TENSOR}": (each["source"], nvrtc.TENSOR, cache) for name, each in matrices.items()}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(jobs, pool.map(cubin_of, jobs.values(), chunksize=4), strict=True))
    failed = {name: text for name, text in found.items() if isinstance(text, str)}
    if failed:
        name, text = next(iter(failed.items()))
        raise nvrtc.CudaError(f"{len(failed)} texts do not compile: {sorted(failed)}\n{name}: {text}")
    return {name: code for name, code in found.items() if isinstance(code, bytes)}


def make_workloads(folder: Path) -> None:
    """workloads.xz anew."""
    archive = Archive()
    for workload in WORKLOADS:
        if workload.timed:
            kernel = workload.printed(recording.FAMILY)
            archive.kernels[workload.name] = {**kernel.interface(), "source": kernel.source}
    archive.blobs.update(cubins(archive.kernels, CACHE, tensor=True))
    archive.save(folder / TIMED)


def make_launches(folder: Path, programs: int, arguments: Iterable[str]) -> Archive:
    """launches.xz and cubins.xz anew."""
    with tempfile.TemporaryDirectory() as parts:
        record_tests(Path(parts), arguments)
        tests = [Archive.load(path) for path in sorted(Path(parts).glob("part-*.xz"))]
    archive = merged([*tests, record_programs(programs)], recording.PER_KERNEL)
    archive.save(folder / LAUNCHES)
    save_blobs(folder / CUBINS, cubins(archive.kernels, CACHE))
    return archive


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--programs", type=int, default=PROGRAMS, help="how many random programs")
    parser.add_argument("--only", choices=("workloads", "launches"), help="make one part anew")
    parser.add_argument("arguments", nargs="*", default=["tests/kernels"], help="of pytest, behind --")
    options = parser.parse_args()
    if nvrtc.library() is None:
        sys.exit("no NVRTC here: pip install nvidia-cuda-nvrtc-cu12 (x86-64 Linux)")
    began = time.monotonic()
    if options.only != "launches":
        make_workloads(options.out)
    if options.only != "workloads":
        archive = make_launches(options.out, options.programs, options.arguments)
        print(f"{len(archive.launches)} launches of {len(archive.kernels)} texts; not recorded: {archive.dropped}")
    for path in sorted(options.out.glob("*.xz")):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    print(f"{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
