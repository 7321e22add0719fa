"""Triton kernels on Apple Silicon GPUs, and the same Metal text on any CPU."""

__version__ = "0.1.0"
