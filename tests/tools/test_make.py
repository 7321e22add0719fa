"""`make test` installs PyTorch's CPU build where it can be had, else PyPI's, and never another Triton than ours; the
wheel of a compiler where there is no clang."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TRITON, TORCH = (re.search(rf"^{name} := \w+==(\S+)$", MAKEFILE, re.MULTILINE)[1] for name in ("TRITON", "TORCH"))
HAS_CLANG = re.search(r"^HAS_CLANG := (.+)$", MAKEFILE, re.MULTILINE)[1]
OTHER_TRITON = "3.7.1"
"""What PyPI's PyTorch asks for."""

BACKEND = """
import zipfile


def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "triton_alloy-0.0-py3-none-any.whl", "triton_alloy-0.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", METADATA)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def requirements(extra: str) -> list[str]:
    """What pyproject.toml asks for under an extra that concerns PyTorch and Triton; the rest is left out."""
    block = re.search(rf"^{extra} = \[(.*?)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)[1]
    return [text for text in re.findall(r'"([^"]+)"', block) if text.startswith(("torch", "triton"))]


def make_project(folder: Path) -> None:
    """Our Makefile beside a package that has our extras and is built without any other package."""
    shutil.copy(ROOT / "Makefile", folder)
    lines = ["Metadata-Version: 2.1", "Name: triton-alloy", "Version: 0.0", "Provides-Extra: compiler"]
    lines += [
        "Provides-Extra: test",
        *(f"Requires-Dist: {text.split(';')[0]}; extra == 'test'" for text in requirements("test")),
        "Requires-Dist: ziglang; extra == 'compiler'",
    ]
    (folder / "backend.py").write_text(f"METADATA = {chr(10).join(lines) + chr(10)!r}\n{BACKEND}")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "triton-alloy"\nversion = "0.0"\n'
    )


def make_environment(folder: Path) -> Path:
    """`.venv` with the pip of this interpreter in it: ensurepip would take seconds. Its packages."""
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / ".venv")}))
    import pip

    (site / "pip").symlink_to(Path(pip.__file__).parent)
    return site


def publish(index: Path, name: str, version: str, *requires: str) -> None:
    """A wheel with nothing in it but its metadata, on a page of an index."""
    page = index / name
    page.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(page / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Requires-Dist: {each}" for each in requires]
        wheel.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    links = (f'<a href="{each.name}">{each.name}</a>' for each in sorted(page.glob("*.whl")))
    (page / "index.html").write_text("\n".join(links))


def pypi(folder: Path) -> Path:
    """An index with what PyPI has: PyTorch for CUDA, which wants another Triton."""
    index = folder / "pypi"
    publish(index, "torch", TORCH, f"triton=={OTHER_TRITON}")
    publish(index, "triton", TRITON)
    publish(index, "triton", OTHER_TRITON)
    publish(index, "ziglang", "0.16")
    return index


def make_test(folder: Path, index: Path, cpu_index: Path, has_clang: str = "pass") -> tuple[str, set[str]]:
    """What `make .venv/test` prints, and which releases it leaves behind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE"))}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index.as_uri(), "PIP_NO_CACHE_DIR": "1"}
    site = make_environment(folder)
    done = subprocess.run(
        ["make", "--silent", ".venv/test", f"TORCH_CPU_INDEX={cpu_index.as_uri()}", f"HAS_CLANG={has_clang}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, {path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info")}


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyPI's PyTorch is the one to take")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_project(tmp_path)
    return tmp_path


def test_where_pip_reaches_pypi_alone_the_build_for_cuda_is_taken_and_triton_put_back(project: Path):
    said, installed = make_test(project, pypi(project), project / "unreachable")
    assert "for CUDA (2.7 GB to download)" in said
    assert installed == {f"torch-{TORCH}", f"triton-{TRITON}", "triton_alloy-0.0"}


def test_the_cpu_build_is_taken_from_where_pip_looks(project: Path):
    index = pypi(project)
    publish(index, "torch", f"{TORCH}+cpu")
    said, installed = make_test(project, index, project / "unreachable")
    assert said == ""
    assert installed == {f"torch-{TORCH}+cpu", f"triton-{TRITON}", "triton_alloy-0.0"}


def test_the_cpu_build_is_taken_from_pytorch_itself(project: Path):
    publish(project / "pytorch", "torch", f"{TORCH}+cpu")
    said, installed = make_test(project, pypi(project), project / "pytorch")
    assert said == ""
    assert installed == {f"torch-{TORCH}+cpu", f"triton-{TRITON}", "triton_alloy-0.0"}


def test_where_nothing_can_tell_of_a_clang_its_wheel_is_installed(project: Path):
    """The package is not built yet: nothing of it can be imported."""
    index = pypi(project)
    publish(index, "torch", f"{TORCH}+cpu")
    _, installed = make_test(project, index, project / "unreachable", HAS_CLANG)
    assert installed == {f"torch-{TORCH}+cpu", f"triton-{TRITON}", "triton_alloy-0.0", "ziglang-0.16"}


@pytest.mark.parametrize(("compiler", "status"), [("sh c++", 0), ("sh", 1), ("no-such-program", 1)])
def test_the_makefile_knows_whether_there_is_a_clang(compiler: str, status: int):
    """Whatever is called `... c++` is taken for zig, and what does not say that it is a clang for gcc."""
    environment = os.environ | {"MSL_CPU_CXX": compiler}
    done = subprocess.run([sys.executable, "-c", HAS_CLANG], env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert "ImportError" not in done.stderr and "ModuleNotFoundError" not in done.stderr
