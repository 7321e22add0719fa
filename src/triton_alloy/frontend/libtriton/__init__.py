"""A stand-in for `triton._C.libtriton`, Triton's native module, under upstream's unmodified Python files."""
