"""What PyObjC knows of Metal: selectors, functions and constants, by the metadata of its macOS wheel."""

from __future__ import annotations

import functools
import re
import sys
import types
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.wheels import downloaded

WHEEL = "pyobjc-framework-Metal==12.2.2"
_ARRAY_OF_LENGTH = "c_array_length_in_arg"

# Of classes, PyObjC's metadata has only what the Objective-C runtime does not tell. These are the others in use;
# test_metal_evidence.py looks them up in Apple's own C++ binding.
OF_CLASSES = {
    "NSObject": ("alloc", "init", "respondsToSelector:"),
    "MTLCompileOptions": ("setLanguageVersion:", "setMathMode:", "setMathFloatingPointFunctions:"),
    "MTLComputePipelineDescriptor": ("setComputeFunction:", "setBinaryArchives:"),
    "MTLBinaryArchiveDescriptor": ("setUrl:",),
    "NSURL": ("fileURLWithPath:",),
    "NSError": ("localizedDescription", "code"),
}


@dataclass(frozen=True)
class Method:
    """A selector. arguments: type encodings, as far as known; outs: positions of results that PyObjC returns; arrays:
    position of an array -> position of its length in bytes."""

    selector: str
    arguments: dict[int, str]
    outs: tuple[int, ...]
    arrays: dict[int, int]

    @property
    def count(self) -> int:
        """How many arguments it takes."""
        return self.selector.count(":")


@dataclass(frozen=True)
class Metadata:
    """methods: by (class, selector), protocols under "NSObject"; constants: enumerations; functions: names."""

    methods: dict[tuple[str, str], Method]
    constants: dict[str, int]
    functions: frozenset[str]

    def method(self, class_name: str, selector: str) -> Method | None:
        """What a class, or a protocol, calls `selector`; None if nothing."""
        for name in (class_name, "NSObject"):
            if selector in OF_CLASSES.get(name, ()):
                return Method(selector, {}, (), {})
            if (name, selector) in self.methods:
                return self.methods[name, selector]
        return None


def _text(encoding: bytes | str) -> str:
    return encoding if isinstance(encoding, str) else encoding.decode()


class _Objc(types.ModuleType):
    """The module `objc` as far as a metadata file uses it."""

    arch = "arm64"

    def __init__(self) -> None:
        super().__init__("objc")
        self.methods: dict[tuple[str, str], Method] = {}

    def registerMetaDataForSelector(self, class_name: bytes, selector: bytes, facts: dict[str, Any]) -> None:
        arguments = {index - 2: each for index, each in facts.get("arguments", {}).items()}
        name = selector.decode()
        self.methods[class_name.decode(), name] = Method(
            name,
            {index: _text(each["type"]) for index, each in arguments.items() if "type" in each},
            tuple(index for index, each in arguments.items() if _text(each.get("type_modifier", b"")) == "o"),
            {index: each[_ARRAY_OF_LENGTH] - 2 for index, each in arguments.items() if _ARRAY_OF_LENGTH in each},
        )

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **keywords: None


@functools.cache
def _wheel() -> Path:
    try:
        return downloaded(WHEEL, "macosx_11_0_universal2", "--python-version", "312")
    except RuntimeError as error:
        pytest.skip(str(error))


@functools.cache
def metadata() -> Metadata:
    """Metal's, from the wheel; the test is skipped where it cannot be downloaded."""
    text = zipfile.ZipFile(_wheel()).read("Metal/_metadata.py").decode()
    objc, before = _Objc(), sys.modules.get("objc")
    sys.modules["objc"] = objc
    try:
        names: dict[str, Any] = {}
        exec(compile(text, "Metal/_metadata.py", "exec"), names)
    finally:
        if before is None:
            del sys.modules["objc"]
        else:
            sys.modules["objc"] = before
    constants = {name: int(value) for name, value in re.findall(r"\$(\w+)@(-?\d+)", names["enums"])}
    return Metadata(objc.methods, constants, frozenset(names["functions"]))
