"""torch.compile of tensors on mps: programs of the census, caches, processes that compile, and what is refused.

test_on_mps.py runs this file in a process that has the device.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import triton  # noqa: F401
from torch._inductor.utils import run_and_get_code
from torch._inductor.virtualized import V

from tests.torch_mps import census
from triton_alloy.errors import OutOfResources
from triton_alloy.integrations.inductor import device
from triton_alloy.kernel import Kernel
from triton_alloy.runtime.torch_mps import TorchExecutable, TorchMpsDevice

QUICK = (
    *("pointwise", "softmax", "layer_norm", "changing_rows", "index_put_accumulate", "tuned_product"),
    *("users_autotuned_kernel", "training"),
)


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inductor compiles in this process, into caches of the test's own."""
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    with config.patch(compile_threads=1):
        yield


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).to("mps")


@pytest.mark.parametrize("name", QUICK)
def test_a_program_of_the_census(name: str):
    outcome = census.run(name, "mps")
    assert outcome.failure == ""
    assert outcome.kernels >= 1


def test_configurations_are_compared():
    outcome = census.run("transpose", "mps")
    assert outcome.failure == "" and outcome.tuned >= 1 and outcome.configurations >= 2


def test_configurations_are_built_at_the_same_time(monkeypatch: pytest.MonkeyPatch):
    """Each of the two builds of a tuned kernel waits until the other runs, too."""
    both, overlapped, texts = threading.Barrier(2), [], []
    build = TorchMpsDevice.compile

    def waiting(self: TorchMpsDevice, kernel: Kernel) -> TorchExecutable:
        texts.append(kernel.source)
        if threading.current_thread() is not threading.main_thread():
            both.wait(60)
            overlapped.append(kernel.source)
        return build(self, kernel)

    monkeypatch.setenv("MSL_CPU_THREADS", "2")
    monkeypatch.setattr(TorchMpsDevice, "compile", waiting)
    x = numbers(96, 80)
    found = torch.compile(lambda x: torch.cat([x, x * 2], 1))(x)
    assert torch.equal(found.cpu(), torch.cat([x, x * 2], 1).cpu())
    assert len(overlapped) == 2
    assert sorted(texts) == sorted(overlapped)


def test_a_configuration_that_computes_something_else_is_seen():
    """The census's own instrument: a second configuration whose kernel leaves another value."""
    from tests.torch_mps.compare_configurations import differences

    def launcher(value: float) -> SimpleNamespace:
        return SimpleNamespace(config=f"writes {value}", run=lambda x, **options: x.fill_(value))

    class Launcher:
        def __init__(self, value: float):
            self.value, self.config = value, f"writes {value}"

        def __call__(self, x: torch.Tensor, stream: int) -> None:
            x.fill_(self.value)

    tuner = SimpleNamespace(fn=SimpleNamespace(__name__="kernel"), launchers=[Launcher(1), Launcher(1), Launcher(2)])
    x = torch.zeros(5, device="mps")
    found = differences(tuner, (x,), {})
    assert found == ["kernel, tensor 0: writes 2 differs from writes 1"] * 2
    assert x.sum().item() == 0


def test_what_is_launched_is_an_apple_gpus_text():
    _, [code] = run_and_get_code(torch.compile(lambda x: x.sin() + 1), numbers(1000))
    assert "@triton.jit" in code and "cc='apple9'" in code and "device_str='mps'" in code


def test_float64_inside_a_kernel_is_computed():
    """Tensors of it are PyTorch's to refuse; what one kernel computes with it is exact to the last bit of float32."""
    x = numbers(50)
    found = torch.compile(lambda x: (x.double().sin() + 1).float())(x)
    torch.testing.assert_close(found.cpu(), (x.cpu().double().sin() + 1).float(), rtol=2e-7, atol=0)


def test_cpp_wrapper_is_refused_by_name():
    from torch._inductor import config
    from torch._inductor.exc import InductorError

    with (
        config.patch(cpp_wrapper=True),
        pytest.raises(InductorError, match="AOTInductor and cpp_wrapper launch kernels"),
    ):
        torch.compile(lambda x: x.sin() + 1)(numbers(50))


def test_times_are_of_one_call_and_a_kernel_that_does_not_fit_takes_forever():
    calls = []
    assert 0 < device.benchmark(None, lambda: calls.append(1), rep=1, is_vetted_benchmarking=True) < 1
    assert len(calls) > 2

    def too_large() -> None:
        raise OutOfResources(2048, 1024, "threads")

    assert device.benchmark(None, too_large, is_vetted_benchmarking=True) == float("inf")


def test_pytorchs_ban_of_comparisons_holds():
    from torch._inductor import config

    with config.patch(deterministic=True), pytest.raises(RuntimeError, match="deterministic mode of Inductor"):
        device.benchmark(None, lambda: None)


def test_matrix_products_have_our_tiles():
    from torch._inductor.choices import InductorChoices

    class Sizes:
        @staticmethod
        def optimization_hint_with_override(size: int, hint_override: int | None = None) -> int:
            return size

    with V.set_graph_handler(SimpleNamespace(sizevars=Sizes)):
        heuristics = InductorChoices().get_config_heuristics("mps")
        found = [*heuristics.get_mm_configs()(1024, 1024, 1024, dtype_size=4, op_name="mm")]
        small = [*heuristics.get_mm_configs()(8, 8, 8, dtype_size=4, op_name="mm")]
    assert len(found) == 4 and {each.num_stages for each in found} == {1}
    for each in found:
        assert each.kwargs["BLOCK_M"] * each.kwargs["BLOCK_N"] / (32 * each.num_warps) <= 64
    assert [(each.kwargs["BLOCK_M"], each.kwargs["BLOCK_N"], each.num_warps) for each in small] == [(16, 16, 1)]


PROGRAM = """
import sys, torch, triton
from torch._dynamo.utils import counters
from torch._inductor import config
from torch._inductor.async_compile import AsyncCompile

if __name__ == "__main__":
    if sys.argv[1] == "workers":
        config.compile_threads = 2
        AsyncCompile.warm_pool()
        AsyncCompile.wait_pool_ready(120)
        assert AsyncCompile.use_process_pool()
    else:
        config.compile_threads = 1
    def function(x, y):
        return torch.softmax(x, -1) + torch.relu(y * 2), (x * y).sum(0)
    x, y = torch.randn(64, 300), torch.randn(64, 300)
    found = torch.compile(function)(x.to("mps"), y.to("mps"))
    for each, wanted in zip(found, function(x, y)):
        torch.testing.assert_close(each.cpu(), wanted, atol=1e-4, rtol=1e-4)
    print(counters["inductor"]["fxgraph_cache_hit"], counters["inductor"]["fxgraph_cache_miss"])
"""


def in_another_process(tmp_path: Path, how: str) -> str:
    """What PROGRAM prints: hits and misses of the cache of graphs."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "triton_alloy.mps_on_linux", str(path), how]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split("\n")[-2]


def test_processes_compile_and_a_second_program_finds_the_graph(tmp_path: Path):
    assert in_another_process(tmp_path, "workers") == "0 1"
    assert in_another_process(tmp_path, "alone") == "1 0"


def test_triton_need_not_be_imported(tmp_path: Path):
    """PyTorch imports it, in the midst of importing its own compiler."""
    path = tmp_path / "program.py"
    path.write_text(
        "import torch\n"
        "from torch._inductor.utils import run_and_get_code\n"
        "function = torch.compile(lambda x: (x.half() * 2 + 1).sin())\n"
        "_, [code] = run_and_get_code(function, torch.ones(100, device='mps'))\n"
        "assert '@triton.jit' in code and \"cc='apple9'\" in code\n"
        "from torch._inductor import utils, scheduler\n"
        "from torch._inductor.codegen import common\n"
        "assert {each.get_current_backend('mps') for each in (utils, scheduler, common)} == {'triton'}\n"
    )
    command = [sys.executable, "-m", "triton_alloy.mps_on_linux", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_flex_attention_is_left_to_pytorch():
    from torch.nn.attention.flex_attention import flex_attention

    x = numbers(1, 2, 128, 32)
    with torch.no_grad():
        found, [code] = run_and_get_code(torch.compile(flex_attention), x, x, x)
    assert "compile_mps_shader" in code
    wanted = torch.nn.functional.scaled_dot_product_attention(x, x, x)
    torch.testing.assert_close(found.cpu(), wanted.cpu(), atol=1e-5, rtol=1e-5)
