"""The part of a text that defines the vocabulary of fast mode, by the marks around it."""

from __future__ import annotations

import re

VOCABULARY = re.compile(r"^[ \t]*// vocabulary: begin.*?^[ \t]*// vocabulary: end[^\n]*$", re.DOTALL | re.MULTILINE)
