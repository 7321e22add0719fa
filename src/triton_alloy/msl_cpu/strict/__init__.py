"""Strict mode: refuse what Apple's compiler would refuse, with positions in the user's text.

clang reads the text as C++ for OpenCL, whose address spaces, vectors and restrictions are nearly Metal's, against a
header of declarations (headers/strict) with the overloads that Apple has. Nothing is run.

- `tokens`, `calls`: what clang lets through and Metal does not have, by the tokens alone; recursion;
- `kernels`: attributes, signatures of kernels and threadgroup variables; `classes`: classes and their methods;
- `rewrite`: the text for clang, each position of which leads back to the user's; `header`: how clang is called;
- `driver`: all of it in order; clang's messages in the words of Metal.
"""

from .driver import StrictError, check

__all__ = ["StrictError", "check"]
