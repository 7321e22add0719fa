"""The Metal texts that PyTorch's own Inductor backend for mps writes: they run, and compute what PyTorch does.

The backend is registered for tensors of the CPU, and torch.mps.compile_shader is ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from triton_alloy.msl_cpu import compile_shader

torch = pytest.importorskip("torch")
functional = torch.nn.functional
X = torch.randn(8, 300, generator=torch.Generator().manual_seed(0))

PROGRAMS: dict[str, Callable[..., Any]] = {
    "pointwise": lambda x: torch.relu(x * 2 + 1).erf() + torch.sigmoid(x),
    "special": lambda x: (x.abs() + 0.5).lgamma() + torch.special.i0(x),
    "integers": lambda x: (x * 10).long() // 3,
    "16 bits": lambda x: torch.where(x > 0, x, -x).half(),
    "softmax": lambda x: functional.softmax(x, -1),
    "layer norm": lambda x: functional.layer_norm(x, (300,)),
    "variance": lambda x: x.var(-1),
    "largest": lambda x: (x.argmax(-1), x.amax(0)),
    "any": lambda x: (x > 3).any(),
    "random": lambda x: functional.dropout(x, 0.0) + 1,
}


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """All that was given to torch.mps.compile_shader."""
    import torch._inductor.config as config
    from torch._inductor.codegen import common
    from torch._inductor.codegen.mps import MetalScheduling
    from torch._inductor.codegen.wrapper import PythonWrapperCodegen

    texts: list[str] = []
    common.init_backend_registration()
    monkeypatch.setattr(common, "device_codegens", dict(common.device_codegens))
    common.register_backend_for_device("cpu", MetalScheduling, PythonWrapperCodegen)
    for module in [each for each in sys.modules.values() if "get_current_backend" in vars(each)]:
        monkeypatch.setattr(module, "get_current_backend", lambda device_type=None: "mps")
    monkeypatch.setattr(torch.mps, "compile_shader", lambda text: texts.append(text) or compile_shader(text))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    with config.patch(compile_threads=1, force_disable_caches=True):
        yield texts
    torch._dynamo.reset()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(texts: list[str], name: str):
    wanted = PROGRAMS[name](X)
    got = torch.compile(PROGRAMS[name])(X)
    assert texts and all("#include <c10/metal/" in text and "generated_kernel" in text for text in texts)
    torch.testing.assert_close(got, wanted)


def test_a_mode_of_the_environment_is_for_texts_that_it_runs(texts: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSL_CPU_MODE", "fast")
    torch.testing.assert_close(torch.compile(PROGRAMS["softmax"])(X), functional.softmax(X, -1))
    assert texts
