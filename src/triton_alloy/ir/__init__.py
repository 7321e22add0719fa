"""Our IR, with MLIR's text as its surface: SSA values, ops in blocks in regions, interned types, locations.

    types, numbers      the immutable values: types, attributes, locations; number formats
    core                values with use counts, ops in doubly linked blocks, regions, the Builder
    call_sites          locations of inlined code
    registry, verifier  what each op is (the dialects fill the registry), and whether a module keeps to it
    rewrite             clean-ups that several stages use
    garbage             Python's search for garbage, put off while a kernel is compiled
    syntax              types, attributes and locations read from text, by `Cursor`
    parser, printer     MLIR's generic form
    assembly            how ops are spelled in MLIR's pretty form: one table for both directions
    pretty_parser, assembly_reader, pretty_printer      that form, read and written

Knows no op by name but what MLIR's syntax itself knows.
"""
