"""Triton's compiler interface: options and stages."""

from __future__ import annotations

from triton.backends.compiler import BaseBackend


class MetalBackend(BaseBackend):
    """The backend of targets ("metal", family, 32)."""

    @staticmethod
    def supports_target(target) -> bool:
        return target.backend == "metal"

    def hash(self) -> str:
        return str(self.target)

    def parse_options(self, options: dict) -> object:
        raise NotImplementedError

    def add_stages(self, stages: dict, options: object, language: object) -> None:
        raise NotImplementedError

    def load_dialects(self, context) -> None:
        pass

    def get_module_map(self) -> dict:
        return {}
