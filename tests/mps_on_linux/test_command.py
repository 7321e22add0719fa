"""`python -m triton_alloy.mps_on_linux`: programs that know nothing of it, run as Python runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from triton_alloy.mps_on_linux import __main__ as command
from triton_alloy.mps_on_linux import activate, is_active

pytestmark = pytest.mark.usefixtures("device_can_be_built")

TRAINING = """
import sys, pathlib, torch
import neighbour
assert __name__ == "__main__" and pathlib.Path(__file__).name == "train.py"

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Linear(4, 4)
    def forward(self, x):
        return self.body(x)

device = "mps" if torch.backends.mps.is_available() else "cpu"
model = Net().to(device)
optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
x = torch.randn(32, 4, device=device)
losses = []
for _ in range(20):
    optimiser.zero_grad()
    loss = (model(x) - x).square().mean()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
torch.save(model, sys.argv[2])  # a class of __main__
again = torch.load(sys.argv[2], weights_only=False)
assert torch.equal(again(x), model(x))
print(device, sys.argv[1], losses[-1] < losses[0], neighbour.NAME)
"""


def python(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = os.environ | environment
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, env=variables)


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "triton_alloy.mps_on_linux", *arguments, cwd=cwd, **environment)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "package").mkdir(parents=True)
    (folder / "train.py").write_text(TRAINING)
    (folder / "neighbour.py").write_text('NAME = "neighbour"')
    (folder / "package" / "__init__.py").touch()
    (folder / "package" / "__main__.py").write_text(
        "import sys, torch\nprint(torch.ones(2, device='mps').sum().item(), sys.argv[1:], __package__)"
    )
    return folder


def test_a_program_trains_on_mps(project: Path, tmp_path: Path):
    done = run(str(project / "train.py"), "--fast", str(tmp_path / "model.pt"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["mps", "--fast", "True", "neighbour"]


def test_a_module_runs(project: Path):
    done = run("-m", "package", "-m", "x", cwd=project)
    assert done.stdout == "2.0 ['-m', 'x'] package\n", done.stderr


def test_what_a_mac_lacks_can_be_run_on_the_cpu_as_there(project: Path):
    (project / "mode.py").write_text("import torch; print(torch.tensor([[1, 2, 2]], device='mps').mode(1).values)")
    done = run("mode.py", cwd=project, PYTORCH_ENABLE_MPS_FALLBACK="1")
    assert done.stdout == "tensor([2], device='mps:0')\n" and "will fall back to run on the CPU" in done.stderr
    done = run("mode.py", cwd=project, PYTORCH_ENABLE_MPS_FALLBACK="0")
    assert "NotImplementedError: The operator 'aten::mode'" in done.stderr


def test_what_the_process_exits_with_is_the_programs(project: Path):
    (project / "fails.py").write_text("import sys; sys.exit(7)")
    assert run(str(project / "fails.py"), cwd=project).returncode == 7
    (project / "raises.py").write_text("raise ValueError('as it was')")
    done = run("raises.py", cwd=project)
    assert done.returncode == 1 and done.stderr.endswith("ValueError: as it was\n")


def test_triton_is_not_needed(project: Path):
    (project / "alone.py").write_text(
        "import sys; sys.modules['triton'] = None\nimport torch\n"
        "x = torch.ones(3, device='mps')\n"
        "torch.mps.compile_shader('kernel void twice(device float *x, uint i [[thread_position_in_grid]]) "
        "{ x[i] *= 2; }').twice(x)\nprint(x.tolist())"
    )
    done = run("alone.py", cwd=project)
    assert done.stdout == "[2.0, 2.0, 2.0]\n", done.stderr


def test_child_processes_know_where_the_tensors_are(project: Path):
    (project / "child.py").write_text(
        "import os, torch, torch.multiprocessing as mp\n"
        "def work(rank, queue): queue.put((rank, float(torch.ones(3, device='mps').sum()), os.environ['WHERE']))\n"
        "if __name__ == '__main__':\n"
        "    os.environ['WHERE'] = os.environ['MSL_CPU_HOST_DEVICES']\n"
        "    queue = mp.get_context('fork').Queue()\n"
        "    child = mp.get_context('fork').Process(target=work, args=(1, queue))\n"
        "    child.start(); print(queue.get()); child.join()\n"
    )
    done = run("child.py", cwd=project)
    assert done.stdout == "(1, 3.0, 'cpu,mps')\n", done.stderr


WRONG = {
    (): (2, "usage: python -m triton_alloy.mps_on_linux program.py"),
    ("-m",): (1, "mps_on_linux: expected a program or `-m module`, not -m"),
    ("-x", "train.py"): (1, "mps_on_linux: expected a program or `-m module`, not -x train.py"),
    ("absent.py",): (1, "mps_on_linux: there is no program absent.py"),
}


@pytest.mark.parametrize("arguments", WRONG, ids=lambda arguments: " ".join(arguments) or "none")
def test_wrong_calls_say_what_is_expected(arguments: tuple[str, ...], tmp_path: Path):
    status, message = WRONG[arguments]
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == status and message in done.stderr and "Traceback" not in done.stderr


def test_help(tmp_path: Path):
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == command.USAGE + "\n"


def test_an_imported_torch_is_refused(tmp_path: Path):
    done = python("-c", "import torch; from triton_alloy import mps_on_linux; mps_on_linux.activate()", cwd=tmp_path)
    assert "Unavailable: PyTorch is imported already, and mps_on_linux must come first" in done.stderr


def test_activation_in_a_program(tmp_path: Path):
    text = (
        "from triton_alloy import mps_on_linux as m; assert not m.is_active(); m.activate(); m.activate();"
        "import torch; print(m.is_active(), torch.ones(2, device='mps').tolist())"
    )
    done = python("-W", "error", "-c", text, cwd=tmp_path)
    assert done.stdout == "True [1.0, 1.0]\n", done.stderr


def test_on_a_mac_the_program_runs_on_the_macs_own_device(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (project / "plain.py").write_text("import sys; print('ran', sys.argv)")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("MSL_CPU_HOST_DEVICES", raising=False)
    program = str(project / "plain.py")
    assert command.main([program, "1"]) == 0
    assert capsys.readouterr().out == f"ran {[program, '1']}\n"
    assert not is_active() and "MSL_CPU_HOST_DEVICES" not in os.environ


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "plain.py").touch()
    monkeypatch.setattr(sys, "platform", "win32")
    assert command.main([str(tmp_path / "plain.py")]) == "mps_on_linux: mps_on_linux needs Linux, this is win32"
    with pytest.raises(RuntimeError, match="needs Linux, this is win32"):
        activate()
