"""The plug-in as Triton's users meet it: selection, compilation, caches, hooks, timing and tuning."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

import triton_alloy
from triton_alloy import config
from triton_alloy.chips import THREADS_PER_SIMDGROUP
from triton_alloy.integrations.triton import driver
from triton_alloy.integrations.triton.driver import MetalDriver
from triton_alloy.integrations.triton_cpu.driver import CpuDriver
from triton_alloy.kernel import Kernel
from triton_alloy.runtime import automatic
from triton_alloy.target import target_for


@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    tl.store(out_ptr + offsets, tl.load(x_ptr + offsets, mask=mask) + tl.load(y_ptr + offsets, mask=mask), mask=mask)


def add(x: torch.Tensor, y: torch.Tensor, **options: Any) -> tuple[torch.Tensor, Any]:
    """x + y by the kernel above, and the compiled kernel."""
    out = torch.full_like(x, float("nan"))
    compiled = add_kernel[(triton.cdiv(x.numel(), 256),)](x, y, out, x.numel(), BLOCK=256, **options)
    return out, compiled


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1000, generator=generator), torch.randn(1000, generator=generator)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter with more environment variables."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, **environment}, capture_output=True, text=True
    )


def passes(code: str, **environment: str) -> None:
    done = run_python(code, **environment)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------------------------------------------------- selection
def test_the_driver_is_chosen_where_no_gpu_is():
    assert isinstance(triton.runtime.driver.active, CpuDriver)
    assert triton.runtime.driver.active.get_current_target() == GPUTarget("cpu", "cpu", 32)


def test_an_apple_gpu_is_preferred_to_the_cpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(automatic, "has_apple_gpu", lambda: True)
    monkeypatch.setattr(automatic, "gpu_family", lambda: "apple9")
    assert MetalDriver.is_active() and not CpuDriver.is_active()
    driver.device_number.cache_clear()
    assert MetalDriver().get_current_target() == GPUTarget("mps", "apple9", 32)
    driver.device_number.cache_clear()


@pytest.mark.parametrize("name", ["cpu", "metal", "mps"])
def test_the_names_that_pytorch_gives_a_target_are_ours_once(name: str):
    backend = triton.compiler.make_backend(GPUTarget(name, "", 32))
    assert type(backend).__name__ == ("CpuBackend" if name == "cpu" else "MetalBackend")
    assert backend.parse_options({}).arch == "cpu"


@pytest.mark.parametrize("vendor", ["nvidia", "amd"])
def test_another_vendors_gpu_is_preferred(vendor: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(triton.backends.backends[vendor].driver, "is_active", staticmethod(lambda: True))
    assert not MetalDriver.is_active() and not CpuDriver.is_active()


FAKE_GPU = """
    import triton
    from triton.backends import backends
    backends["nvidia"].driver.is_active = staticmethod(lambda: True)
    assert type(triton.runtime.driver.active).__name__ == {driver!r}, triton.runtime.driver.active
"""


@pytest.mark.parametrize("variable", ["TRITON_BACKEND", "TRITON_DEFAULT_BACKEND"])
def test_asked_for_by_name_it_wins_over_a_gpu(variable: str):
    passes(FAKE_GPU.format(driver="MetalDriver"), **{variable: "metal"})


def test_another_backend_asked_for_by_name_is_left_alone():
    with config.scope(TRITON_BACKEND="nvidia"):
        assert not MetalDriver.is_active()
    with config.scope(TRITON_BACKEND="metal", TRITON_DEFAULT_BACKEND="amd"):
        assert not MetalDriver.is_active()


def test_the_plugin_may_be_imported_before_triton():
    passes("import triton_alloy.integrations.triton.driver, triton; assert triton.backends.backends['metal']")


def test_triton_can_be_imported_without_loading_the_compiler():
    passes("""
        import sys, triton
        assert not {"numpy", "triton_alloy.ir", "triton_alloy.layout", "triton_alloy.msl_cpu"} & set(sys.modules)
    """)


def test_the_interpreter_of_triton_still_works(tmp_path: Path):
    code = Path(__file__).read_text()
    kernel = code[code.index("@triton.jit") : code.index("def add(")]
    script = tmp_path / "interpreted.py"
    script.write_text(
        f"import torch, triton, triton.language as tl\n{kernel}\nx = torch.ones(300); out = torch.zeros(300)\n"
        "add_kernel[(2,)](x, x, out, 300, BLOCK=256)\nassert (out == 2).all()\n"
    )
    passes(f"import runpy; runpy.run_path({str(script)!r})", TRITON_INTERPRET="1")


# -------------------------------------------------------------------------------------------------------- compilation
def test_a_kernel_runs(pair: tuple[torch.Tensor, torch.Tensor]):
    out, compiled = add(*pair)
    torch.testing.assert_close(out, pair[0] + pair[1], rtol=0, atol=0)
    assert compiled.metadata.name == "add_kernel"


def test_every_stage_can_be_read(pair: tuple[torch.Tensor, torch.Tensor]):
    _, compiled = add(*pair)
    assert isinstance(compiled.asm["ttir"], str) and "tt.func public @add_kernel" in compiled.asm["ttir"]
    assert isinstance(compiled.asm["msl"], str) and "[[kernel" in compiled.asm["msl"]
    assert Kernel.from_json(compiled.asm["alloy"]).source == compiled.asm["msl"]
    assert compiled.n_regs > 0 and compiled.metadata.shared > 0  # the softmax tutorial divides by both


def compile_for(family: str, **options: Any) -> Any:
    signature = {"x_ptr": "*fp32", "y_ptr": "*fp32", "out_ptr": "*fp32", "n": "i32", "BLOCK": "constexpr"}
    source = ASTSource(fn=add_kernel, signature=signature, constexprs={"BLOCK": 256})
    return triton.compile(source, target=GPUTarget("metal", family, 32), options=options)


@pytest.mark.parametrize("family", config.FAMILIES)
def test_every_family_compiles_without_a_device(family: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSL_CPU_CXX", "/nonexistent/compiler")
    compiled = compile_for(family, num_warps=2)
    kernel = Kernel.from_json(compiled.asm["alloy"])
    assert kernel.family == family
    assert kernel.threads == (32 if family == "cpu" else 64)
    assert compiled.asm["msl"].isascii()


def test_fusion_follows_tritons_switches(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder):
    contracts = {True: "fp contract(fast)", False: "fp contract(off)"}
    for default, requested, expected in (
        (None, None, True),
        ("0", None, False),
        ("0", True, True),
        ("1", False, False),
    ):
        if default is not None:
            monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", default)
        options = {} if requested is None else {"enable_fp_fusion": requested}
        assert contracts[expected] in compile_for("apple9", **options).asm["msl"]
    assert not recwarn.list


def test_an_unknown_family_or_warp_size_is_refused():
    with pytest.raises(triton_alloy.errors.InvalidArgument, match="apple6"):
        compile_for("apple6")
    source = ASTSource(fn=add_kernel, signature={})
    with pytest.raises(triton_alloy.errors.InvalidArgument, match="warp size"):
        triton.compile(source, target=GPUTarget("metal", "apple9", 64))


def test_pointer_facts_reach_the_ir(pair: tuple[torch.Tensor, torch.Tensor]):
    _, compiled = add(*pair)
    assert "tt.pointer_range = 32" in compiled.asm["ttir"] and "tt.divisibility = 16" in compiled.asm["ttir"]
    backend = triton.compiler.make_backend(GPUTarget("metal", "cpu", 32))
    assert backend.get_tensor_specialization(torch.empty(4)[1:], align=True) == "S"
    assert backend.get_tensor_specialization(torch.empty(4), align=False) == "S"

    class Large:
        data_ptr = staticmethod(lambda: 64)
        ptr_range = staticmethod(lambda: 2**31)

    assert backend.get_tensor_specialization(Large(), align=True) == "D"


def test_warmup_compiles_and_does_not_run():
    compiled = add_kernel.warmup(torch.float16, torch.float16, torch.float16, 7, BLOCK=32, grid=(1,))
    assert "half" in compiled.asm["msl"]


def test_ttir_text_compiles_and_runs(tmp_path: Path, pair: tuple[torch.Tensor, torch.Tensor]):
    _, compiled = add(*pair)
    (tmp_path / "k.ttir").write_text(compiled.asm["ttir"])
    again = triton.compile(str(tmp_path / "k.ttir"), target=GPUTarget("metal", "cpu", 32), options={"num_warps": 2})
    out = torch.zeros(1000)
    again[(4, 1, 1)](*pair, out, 1000)
    assert torch.equal(out, pair[0] + pair[1])


def test_the_msl_can_be_overridden(tmp_path: Path, pair: tuple[torch.Tensor, torch.Tensor]):
    _, compiled = add(*pair)
    text = compiled.asm["msl"]
    assert text.count(" + ") >= 1
    path = tmp_path / "changed.msl"
    path.write_text(text.replace("[[kernel", "/* changed */ [[kernel"))
    out, changed = add(*pair, ir_override=str(path))
    assert torch.equal(out, pair[0] + pair[1])
    assert "/* changed */" in Kernel.from_json(changed.asm["alloy"]).source


def test_an_override_that_triton_cannot_read_back_is_refused(
    triton_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRITON_DUMP_DIR", str(tmp_path / "texts"))
    monkeypatch.setenv("TRITON_OVERRIDE_DIR", str(tmp_path / "texts"))
    monkeypatch.setattr(knobs.compilation, "dump_ir", True)
    compile_for("apple8")
    monkeypatch.setattr(knobs.compilation, "override", True)
    with pytest.raises(triton_alloy.errors.Unsupported, match="use ir_override"):
        compile_for("apple9")


def test_target_and_mode_can_change_within_a_process(pair: tuple[torch.Tensor, torch.Tensor]):
    families = {}
    modes = [(family, mode) for mode in config.MODES for family in ("cpu", "apple9")]
    for family, mode in [*modes, ("cpu", "fast")]:
        with config.scope(TRITON_ALLOY_TARGET=family, TRITON_ALLOY_MODE=mode):
            out, compiled = add(*pair)
        assert torch.equal(out, pair[0] + pair[1])
        families[family] = compiled.metadata.target.arch
    assert families == {"cpu": "cpu", "apple9": "apple9"}


def test_a_wrong_variable_is_named():
    with (
        config.scope(TRITON_ALLOY_TARGET="apple99"),
        pytest.raises(
            triton_alloy.errors.InvalidArgument, match="TRITON_ALLOY_TARGET='apple99': expected auto or one of cpu"
        ),
    ):
        triton.runtime.driver.active.get_current_target()


# ------------------------------------------------------------------------------------------------------ cache and dump
class Listener:
    """Notes for every compilation whether it came from the cache."""

    def __init__(self):
        self.hits: list[bool] = []

    def __call__(self, *, cache_hit: bool, **_: Any) -> None:
        self.hits.append(cache_hit)


def test_the_disk_cache_is_used(triton_cache: Path, monkeypatch: pytest.MonkeyPatch):
    listener = Listener()
    monkeypatch.setattr(knobs.compilation, "listener", listener)
    for _ in range(2):
        compile_for("apple9")
    compile_for("apple8")
    compile_for("apple9", num_warps=8)
    assert listener.hits == [False, True, False, False]
    assert {path.suffix for path in triton_cache.rglob("add_kernel*")} == {
        ".source",
        ".ttir",
        ".msl",
        ".alloy",
        ".json",
    }


def test_a_dump_holds_every_text(triton_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(knobs.compilation, "dump_ir", True)
    monkeypatch.setenv("TRITON_DUMP_DIR", str(tmp_path / "dump"))
    compile_for("cpu")
    assert {"add_kernel.ttir", "add_kernel.msl"} <= {path.name for path in (tmp_path / "dump").rglob("*")}


ONE_OF_MANY = """
    import torch, triton, sys
    sys.path.insert(0, {folder!r})
    from test_plugin import add
    x = torch.arange(1000.0)
    assert torch.equal(add(x, x)[0], 2 * x)
"""


def test_many_processes_may_start_at_once_on_empty_caches(tmp_path: Path):
    code = ONE_OF_MANY.format(folder=str(Path(__file__).parent))
    environment = {"TRITON_CACHE_DIR": str(tmp_path / "triton"), "MSL_CPU_CACHE_DIR": str(tmp_path / "msl_cpu")}
    threads = [threading.Thread(target=lambda: done.append(run_python(code, **environment))) for _ in range(4)]
    done: list[subprocess.CompletedProcess[str]] = []
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(process.returncode, process.stderr) for process in done] == [(0, "")] * 4


def test_a_damaged_binary_is_refused():
    with pytest.raises(triton_alloy.errors.InvalidArgument, match="damaged"):
        Kernel.from_json(b'{"format": 1')
    with pytest.raises(triton_alloy.errors.InvalidArgument, match="another version"):
        Kernel.from_json(b'{"format": 0, "source": ""}')


# --------------------------------------------------------------------------------------------------- threads and forks
def test_threads_may_compile_and_launch_at_once(triton_cache: Path):
    results: dict[int, bool] = {}

    def work(number: int) -> None:
        x = torch.full((1000,), float(number))
        results[number] = all(torch.equal(add(x, x, num_stages=1 + number % 3)[0], 2 * x) for _ in range(20))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == dict.fromkeys(range(8), True)


def _double_in_child(queue: Any) -> None:
    x = torch.arange(1000.0)
    queue.put(add(x, x)[0].numpy())


def test_a_forked_child_can_launch(pair: tuple[torch.Tensor, torch.Tensor]):
    add(*pair)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_double_in_child, args=(queue,))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=60), 2 * np.arange(1000.0))
    child.join(timeout=60)
    assert child.exitcode == 0


# ----------------------------------------------------------------------------------------- hooks, timing and tuning
def test_hooks_run_around_a_launch(pair: tuple[torch.Tensor, torch.Tensor]):
    seen: list[tuple[str, str]] = []
    chains = {"enter": knobs.runtime.launch_enter_hook, "exit": knobs.runtime.launch_exit_hook}
    hooks = {name: lambda metadata, name=name: seen.append((name, metadata.get()["name"])) for name in chains}
    for name, chain in chains.items():
        chain.add(hooks[name])
    try:
        add(*pair)
    finally:
        for name, chain in chains.items():
            chain.remove(hooks[name])
    assert seen == [("enter", "add_kernel"), ("exit", "add_kernel")]


def test_do_bench_measures(pair: tuple[torch.Tensor, torch.Tensor]):
    median = triton.testing.do_bench(lambda: add(*pair), warmup=1, rep=5, return_mode="median")
    assert 0 < median < 1000


def test_the_autotuner_drops_what_does_not_fit(pair: tuple[torch.Tensor, torch.Tensor]):
    configs = [triton.Config({"BLOCK": 256}, num_warps=warps) for warps in (64, 2, 128)]
    tuned = triton.autotune(configs, key=["n"])(add_kernel)
    out = torch.zeros(1000)
    tuned[(4,)](*pair, out, 1000)
    assert torch.equal(out, pair[0] + pair[1])
    assert tuned.best_config.num_warps == 2


def test_device_properties_are_those_that_callers_divide_by():
    driver = triton.runtime.driver.active
    properties = driver.utils.get_device_properties(driver.get_current_device())
    assert properties["max_shared_mem"] == 32768 and properties["warpSize"] == 32
    assert properties["multiprocessor_count"] >= 1 and properties["max_num_regs"] >= 32 * 32 * 32
    assert driver.get_active_torch_device() == torch.device("cpu")


@pytest.mark.parametrize("family", config.FAMILIES)
def test_the_plugin_and_the_compiler_know_the_same_targets(family: str):
    target = target_for(family)
    assert (target.family, target.threads_per_simdgroup) == (family, THREADS_PER_SIMDGROUP)
