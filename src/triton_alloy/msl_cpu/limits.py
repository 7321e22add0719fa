"""What Metal allows of one kernel on every GPU; mirrors headers/msl_cpu/abi.h."""

SIMD_WIDTH = 32
MAX_THREADS = 1024
"""Of a threadgroup."""
MAX_BUFFERS = 31
THREADGROUP_BYTES = 32768
"""Of threadgroup memory: variables of the text and dynamic ones, together."""
