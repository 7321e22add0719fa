"""Calls of NVIDIA's driver, on a double that is compiled against NVIDIA's header."""

from __future__ import annotations

import ctypes
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import triton

from tests.simt import driver

_HEADERS = Path(triton.__file__).parent / "backends" / "nvidia" / "include"


@pytest.fixture(scope="module")
def double(tmp_path_factory) -> ctypes.CDLL:
    compiler = shutil.which("cc")
    if compiler is None or not (_HEADERS / "cuda.h").exists():
        pytest.skip("needs a C compiler with headers, and NVIDIA's header, which is in Triton's wheel for Linux")
    path = tmp_path_factory.mktemp("cuda") / "libcuda.so"
    source = Path(__file__).with_name("fake_cuda.c")
    subprocess.run([compiler, "-shared", "-fPIC", f"-I{_HEADERS}", "-o", path, source], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture
def gpu(double, monkeypatch) -> driver.Gpu:
    monkeypatch.setattr(driver, "library", lambda: double)
    return driver.Gpu()


def test_a_launch(gpu):
    assert driver.missing() == "" and gpu.name == "double"
    x, y, stream = gpu.allocate(20), gpu.allocate(20), gpu.allocate(8)
    gpu.write(x, struct.pack("5f", 1, 2, 3, 4, 5))
    gpu.write(y, bytes(20))
    kernel = gpu.load(b"twice\0", "twice")
    kernel.bind([x, y], struct.pack("i", 4), [stream], (3,), 2, lambda: 1 << 40)()
    gpu.synchronize()
    assert struct.unpack("5f", gpu.read(y, 20)) == (2, 4, 6, 8, 0)
    assert struct.unpack("Q", gpu.read(stream, 8)) == (1 << 40,)
    assert (kernel.attribute("registers"), kernel.attribute("local")) == (42, 8)
    for address in (x, y, stream):
        gpu.free(address)


def test_nothing_is_a_size_too(gpu):
    address = gpu.allocate(0)
    gpu.write(address, b"")
    assert gpu.read(address, 0) == b""


def test_an_error_is_told(gpu):
    with pytest.raises(driver.CudaFault, match=r"cuModuleGetFunction: an error of the double \(500\)"):
        gpu.load(b"twice\0", "thrice")


def test_without_a_driver_the_reason_is_told(monkeypatch):
    monkeypatch.setattr(driver, "library", lambda: None)
    assert driver.missing().startswith("no NVIDIA GPU")
    with pytest.raises(driver.CudaFault, match="no NVIDIA GPU"):
        driver.Gpu()
