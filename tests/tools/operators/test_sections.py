"""What the sections over many operators measure is what they say."""

from __future__ import annotations

import functools

import torch

from triton_alloy.tools.operators import sections


def test_every_operator_is_compiled_however_many_came_before(monkeypatch):
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=backend))
    monkeypatch.setattr(sections.shutil, "which", str)
    count = torch._dynamo.config.recompile_limit + 2
    for number in range(count):
        function = sections._compiled(lambda x, number=number: x + number)
        assert function is not None and torch.equal(function(torch.zeros(4)), torch.full((4,), float(number)))
    assert len(compiled) == count


def test_without_a_compiler_torch_compile_is_left_out(monkeypatch):
    monkeypatch.setattr(sections.shutil, "which", lambda program: None)
    assert sections._compiled(torch.add) is None
