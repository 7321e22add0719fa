"""The forward pass of Triton's attention tutorial beside PyTorch: `python run_attention.py FILE`.

The tutorial's own test runs float16 forward only together with backward.
"""

from __future__ import annotations

import os
import runpy
import sys

import torch

os.environ.setdefault("PYTEST_VERSION", "0")  # the tutorial then has one configuration instead of 36 to choose from
tutorial = runpy.run_path(sys.argv[1])

torch.manual_seed(20)
for length, head_size in ((128, 64), (512, 64), (256, 128)):
    for causal in (False, True):
        q, k, v = (torch.empty(1, 2, length, head_size, dtype=torch.float16).normal_(0.0, 0.5) for _ in range(3))
        ours = tutorial["attention"](q, k, v, causal, 0.5, False)
        scores = q.float() @ k.float().transpose(2, 3) * 0.5
        if causal:
            scores.masked_fill_(~torch.ones(length, length, dtype=torch.bool).tril(), float("-inf"))
        exact = torch.softmax(scores, -1) @ v.float()
        torch.testing.assert_close(ours.float(), exact, atol=1e-2, rtol=0)
        print(f"{length = } {head_size = } {causal = }: {(ours.float() - exact).abs().max():.1e}")
