"""Metal text to a pipeline, at run time and without Xcode: safe math, language by trial, binaries kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..chips import FENCE_LANGUAGE, LEAST_LANGUAGE
from ..errors import DeviceFailure, RejectedText, Unsupported
from ..kernel import Kernel
from ..msl_cpu.compile.cache_folder import touch
from .limits import out_of_resources
from .metal_api import Api

LANGUAGES = (FENCE_LANGUAGE, LEAST_LANGUAGE)
"""What is tried, best first. Later languages have nothing that a printed text uses."""

TRIAL = """#include <metal_stdlib>
using namespace metal;
[[kernel]] void trial(device bfloat *out [[buffer(0)]]) { out[0] = bfloat(1.0f); }
"""

_CRASHES = ("XPC_ERROR_CONNECTION_INTERRUPTED", "XPC_ERROR_CONNECTION_INVALID")
_PLACE = re.compile(r"^(?:program_source:)(\d+):(\d+): (?:error|warning|note|fatal error): ", re.MULTILINE)


def compile_options(api: Api, language: str) -> Any:
    """MTLCompileOptions: the language, no fast math, exact functions."""
    options = api.metal.MTLCompileOptions.alloc().init()
    options.setLanguageVersion_(getattr(api.metal, f"MTLLanguageVersion{language.replace('.', '_')}"))
    if options.respondsToSelector_("setMathMode:"):  # macOS 15
        options.setMathMode_(api.metal.MTLMathModeSafe)
        options.setMathFloatingPointFunctions_(api.metal.MTLMathFloatingPointFunctionsPrecise)
    else:
        options.setFastMathEnabled_(False)
    return options


def message_of(error: Any) -> str:
    """Metal's own words for an NSError."""
    return "no reason given" if error is None else str(error.localizedDescription())


def with_lines(messages: str, source: str) -> str:
    """Metal's messages, each followed by the line of the text that it is about, where Metal did not quote it."""
    lines = source.splitlines()
    result = []
    for message in messages.splitlines():
        result.append(message)
        place = _PLACE.match(message)
        if place and 0 < int(place[1]) <= len(lines) and lines[int(place[1]) - 1] not in messages:
            result.append(lines[int(place[1]) - 1])
    return "\n".join(result)


@dataclass(frozen=True)
class Compiler:
    """Builds pipelines for one device. language: of the texts; archive: folder of kept binaries, None for none."""

    api: Api
    device: Any
    language: str
    archive: Path | None = None

    def library(self, kernel: Kernel) -> Any:
        """The text as an MTLLibrary. Raises RejectedText, Unsupported for a newer language, or DeviceFailure."""
        options = compile_options(self.api, self.language)
        for attempt in range(2):
            library, error = self.device.newLibraryWithSource_options_error_(kernel.source, options, None)
            if library is not None:
                return library
            message = message_of(error)
            if not any(crash in message for crash in _CRASHES):
                break
            if attempt:
                raise DeviceFailure(f"Metal's compiler crashed twice on {kernel.name}: {message}")
        required = re.search(r"#error (.*)", kernel.source)
        if required and self.language != FENCE_LANGUAGE:
            raise Unsupported(kernel.name, f"{required[1]}; this system compiles Metal {self.language}")
        raise RejectedText(kernel.name, with_lines(message, kernel.source))

    def pipeline(self, kernel: Kernel) -> Any:
        """The kernel as an MTLComputePipelineState. Raises as `library`; OutOfResources where the driver says so."""
        function = self.library(kernel).newFunctionWithName_(kernel.name)
        if function is None:
            raise DeviceFailure(f"Metal finds no function {kernel.name} in the text of that kernel")
        state, error = self._from_archive(kernel, function)
        if state is None and error is None:
            state, error = self.device.newComputePipelineStateWithFunction_error_(function, None)
        if state is None:
            message = message_of(error)
            raise out_of_resources(kernel, message) or DeviceFailure(f"Metal cannot build {kernel.name}: {message}")
        return state

    def _from_archive(self, kernel: Kernel, function: Any) -> tuple[Any, Any]:
        """(pipeline, error) by way of a kept binary; (None, None) where there is no such way.

        One argument of Metal's method is a pointer for reflection that nobody wants. PyObjC's metadata leaves open
        whether it may be null: where PyObjC refuses, there are no kept binaries, and nothing else is lost.
        """
        if self.archive is None:
            return None, None
        key = hashlib.sha256(f"{self.language}\0{kernel.name}\0{kernel.source}".encode()).hexdigest()
        try:
            return self._archived(function, self.archive / f"{key}.metalarchive")
        except (TypeError, ValueError):
            return None, None

    def _archived(self, function: Any, path: Path) -> tuple[Any, Any]:
        """The pipeline from its binary, or from the function, of which the binary is then kept."""
        descriptor = self.api.metal.MTLComputePipelineDescriptor.alloc().init()
        descriptor.setComputeFunction_(function)
        is_kept = path.exists()
        archive = self._open(path if is_kept else None)
        if is_kept and archive is None:
            path.unlink(missing_ok=True)
        is_new = archive is not None and not is_kept and self._add(archive, descriptor)
        if archive is not None:
            descriptor.setBinaryArchives_([archive])
        state, error = self.device.newComputePipelineStateWithDescriptor_options_reflection_error_(
            descriptor, self.api.metal.MTLPipelineOptionNone, None, None
        )
        if is_kept:
            touch(path)
        elif is_new and state is not None:
            with contextlib.suppress(OSError):  # of a full disk: it is compiled again the next time
                self._keep(archive, path)
        return state, error

    def _open(self, path: Path | None) -> Any:
        """The archive in a file, or an empty one; None where this device (a virtual one) or the file has none."""
        descriptor = self.api.metal.MTLBinaryArchiveDescriptor.alloc().init()
        if path is not None:
            descriptor.setUrl_(self.api.foundation.NSURL.fileURLWithPath_(str(path)))
        return self.device.newBinaryArchiveWithDescriptor_error_(descriptor, None)[0]

    @staticmethod
    def _add(archive: Any, descriptor: Any) -> bool:
        return bool(archive.addComputePipelineFunctionsWithDescriptor_error_(descriptor, None)[0])

    def _keep(self, archive: Any, path: Path) -> None:
        """Write the file under another name first, so that it is never seen half written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        if archive.serializeToURL_error_(self.api.foundation.NSURL.fileURLWithPath_(str(part)), None)[0]:
            os.replace(part, path)


def find_language(api: Api, device: Any) -> str:
    """The best language for which the device builds a pipeline; text may compile and its pipeline still be refused.

    Raises DeviceFailure, with the last message, where none does.
    """
    trial = Kernel("trial", TRIAL, (), simdgroups=1, threadgroup_bytes=0, family="apple7")
    message = ""
    for language in LANGUAGES:
        try:
            Compiler(api, device, language).pipeline(trial)
        except (RejectedText, DeviceFailure) as error:
            message = str(error)
        else:
            return language
    raise DeviceFailure(f"Metal builds no pipeline for language {LEAST_LANGUAGE} (it needs macOS 14): {message}")
