"""What the metal runtime calls in Objective-C exists: every name in its sources, against PyObjC's metadata and, for the
classes that this leaves out, against Apple's own C++ binding of Metal in MLX's wheel."""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.metal_double import Device, Encoder, Misuse, Size, World, double
from tests.support.pyobjc_metadata import OF_CLASSES, Metadata, metadata
from tests.support.wheels import downloaded

RUNTIME = Path(__file__).parents[2] / "src" / "triton_alloy" / "runtime"
SOURCES = sorted(RUNTIME.glob("metal*.py"))
CAMEL = re.compile(r"[a-z]+[A-Z]\w*|\w+_")
"""Objective-C's names: ours are all lower case, and do not end with an underscore."""
PLAIN = ("name", "contents", "commit", "status", "error", "code", "alloc", "init", "architecture")
"""Selectors in use whose names could be ours."""


def attributes(tree: ast.AST) -> Iterator[tuple[str, int | None]]:
    """(name, arguments of its call or None) of every attribute in a source."""
    called = {id(node.func): len(node.args) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr, called.get(id(node))


def known(facts: Metadata, selector: str) -> bool:
    classes = {name for name, _ in facts.methods} | set(OF_CLASSES)
    return any(facts.method(name, selector) is not None for name in classes)


def test_every_selector_exists_and_takes_that_many_arguments():
    facts = metadata()
    found = set()
    for path in SOURCES:
        for name, count in attributes(ast.parse(path.read_text())):
            if name.startswith(("MTL", "NS", "_")) or not (CAMEL.fullmatch(name) or name in PLAIN):
                continue
            selector = name.replace("_", ":")
            assert known(facts, selector), f"{path.name}: {selector}"
            assert count in (None, selector.count(":")), f"{path.name}: {selector} with {count} arguments"
            found.add(selector)
    assert len(found) >= 45
    assert found.issuperset(PLAIN)


def test_every_constant_function_and_class_exists():
    facts = metadata()
    classes = {name for name, _ in facts.methods} | set(OF_CLASSES)
    found = {
        name
        for path in SOURCES
        for name, _ in attributes(ast.parse(path.read_text()))
        if name.startswith(("MTL", "NS"))
    }
    assert {name for name in found if name not in facts.constants.keys() | facts.functions | classes} == set()
    assert "MTLMathModeSafe" in found and "MTLCompileOptions" in found


def test_constants_that_are_written_as_numbers_are_right():
    constants = metadata().constants
    from triton_alloy.chips import FAMILIES
    from triton_alloy.runtime.metal_commands import FAILURES
    from triton_alloy.runtime.metal_compile import LANGUAGES

    for family in FAMILIES:
        assert constants[f"MTLGPUFamilyA{family.name[1:]}"] == family.number
    for language in LANGUAGES:
        major, minor = map(int, language.split("."))
        assert constants[f"MTLLanguageVersion{major}_{minor}"] == major << 16 | minor
    names = {"Timeout": "too long", "PageFault": "not given", "OutOfMemory": "memory", "StackOverflow": "stack"}
    for name, words in names.items():
        assert words in FAILURES[constants[f"MTLCommandBufferError{name}"]]


def test_results_besides_the_value_come_where_the_runtime_expects_them():
    facts = metadata()
    for selector in (
        "newLibraryWithSource:options:error:",
        "newComputePipelineStateWithFunction:error:",
        "newComputePipelineStateWithDescriptor:options:reflection:error:",
        "newBinaryArchiveWithDescriptor:error:",
        "addComputePipelineFunctionsWithDescriptor:error:",
        "serializeToURL:error:",
    ):
        method = facts.method("NSObject", selector)
        assert method is not None and method.outs == (method.count - 1,)


HEADERS = "mlx-metal==0.32.4"


@pytest.mark.conformance
def test_methods_of_classes_are_in_apples_own_binding():
    with zipfile.ZipFile(downloaded(HEADERS, "macosx_14_0_arm64")) as archive:
        names = [name for name in archive.namelist() if "/metal_cpp/" in name and name.endswith(".hpp")]
        headers = {Path(name).name: archive.read(name).decode() for name in names}
    for class_name, selectors in OF_CLASSES.items():
        text = "\n".join(headers.values())
        for selector in selectors:
            assert f'"{selector}"' in text, selector
            if class_name in ("NSObject",):
                continue
            method = selector.replace(":", "_") if ":" in selector else selector
            short = class_name[3:] if class_name.startswith("MTL") else class_name[2:]
            namespace = "MTL" if class_name.startswith("MTL") else "NS"
            assert re.search(rf"{namespace}::{short}::{method.rstrip('_')}\(", text), f"{class_name} {selector}"


# ------------------------------------------------------------------------------------------------ the double can refuse
def encoder(world: World) -> Encoder:
    with double(world).objc.autorelease_pool():
        return Device(world).newCommandQueue().commandBuffer().computeCommandEncoder()


def test_the_double_refuses_what_is_unknown():
    with pytest.raises(Misuse, match=r"newBufferWithSize:\] is not in the metadata"):
        Device(World()).newBufferWithSize_(4)
    with pytest.raises(Misuse, match="MTLLanguageVersion9_9"):
        _ = double(World()).metal.MTLLanguageVersion9_9
    with pytest.raises(Misuse, match="takes 2 arguments, not 1"):
        Device(World()).newBufferWithLength_options_(4)
    with pytest.raises(Misuse, match="cannot be -1"):
        Device(World()).newBufferWithLength_options_(-1, 0)


def test_the_double_refuses_encoding_after_the_end():
    target = encoder(World())
    target.endEncoding()
    with pytest.raises(Misuse, match="after endEncoding"):
        target.setBytes_length_atIndex_(b"1234", 4, 0)


@pytest.mark.parametrize(
    "content, length, index, words",
    [(bytes(5000), 5000, 0, "5000"), (b"", 0, 0, "0 bytes"), (b"1234", 8, 0, "cannot be"), (b"1234", 4, 31, "slot 31")],
)
def test_the_double_refuses_wrong_constants(content: bytes, length: int, index: int, words: str):
    with pytest.raises(Misuse, match=words):
        encoder(World()).setBytes_length_atIndex_(content, length, index)


def pipeline(world: World, limit: int = 1024):
    text = "#include <metal_stdlib>\n[[kernel]] void f(device int *x [[buffer(0)]], device int *y [[buffer(1)]]) {}"
    metal = double(world).metal
    options = metal.MTLCompileOptions.alloc().init()
    options.setLanguageVersion_(metal.MTLLanguageVersion3_1)
    options.setMathMode_(metal.MTLMathModeSafe)
    options.setMathFloatingPointFunctions_(metal.MTLMathFloatingPointFunctionsPrecise)
    world.threads["f"] = limit
    device = Device(world)
    library, _ = device.newLibraryWithSource_options_error_(text, options, None)
    return device.newComputePipelineStateWithFunction_error_(library.newFunctionWithName_("f"), None)[0]


def test_the_double_refuses_what_metal_would_not_run():
    world = World()
    state = pipeline(world, 64)
    target = encoder(world)
    with pytest.raises(Misuse, match="without a pipeline"):
        target.dispatchThreadgroups_threadsPerThreadgroup_(Size(1, 1, 1), Size(32, 1, 1))
    target.setComputePipelineState_(state)
    buffer = Device(world).newBufferWithLength_options_(64, 0)
    target.setBuffer_offset_atIndex_(buffer, 0, 0)
    with pytest.raises(Misuse, match=r"buffers \[1\] are not bound"):
        target.dispatchThreadgroups_threadsPerThreadgroup_(Size(1, 1, 1), Size(32, 1, 1))
    target.setBuffer_offset_atIndex_(buffer, 0, 1)
    with pytest.raises(Misuse, match="more than the 64 threads"):
        target.dispatchThreadgroups_threadsPerThreadgroup_(Size(1, 1, 1), Size(96, 1, 1))
    with pytest.raises(Misuse, match="empty grid"):
        target.dispatchThreadgroups_threadsPerThreadgroup_(Size(1, 0, 1), Size(32, 1, 1))
    with pytest.raises(Misuse, match="behind a buffer"):
        target.setBuffer_offset_atIndex_(buffer, 64, 1)


def test_the_double_refuses_command_buffers_out_of_order():
    world = World()
    with double(world).objc.autorelease_pool():
        buffer = Device(world).newCommandQueue().commandBuffer()
        target = buffer.computeCommandEncoder()
        with pytest.raises(Misuse, match="commit"):
            buffer.commit()
        with pytest.raises(Misuse, match="waits forever"):
            buffer.waitUntilCompleted()
        target.endEncoding()
        buffer.commit()
        with pytest.raises(Misuse, match="commit"):
            buffer.commit()
    with pytest.raises(Misuse, match="autorelease pool"):
        Device(world).newCommandQueue().commandBuffer()


def test_the_double_refuses_fast_math_and_parts_of_pages():
    metal = double(World()).metal
    options = metal.MTLCompileOptions.alloc().init()
    options.setLanguageVersion_(metal.MTLLanguageVersion3_1)
    with pytest.raises(Misuse, match="fast math"):
        Device(World()).newLibraryWithSource_options_error_("", options, None)
    with pytest.raises(Misuse, match="whole pages"):
        Device(World()).newBufferWithBytesNoCopy_length_options_deallocator_(bytearray(100), 100, 0, None)
