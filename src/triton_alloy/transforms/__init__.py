"""The stages between front end and text, a folder for each arrow of the flow. `compiler.py` lists them in order.

    tensors/    tt -> tt        one function, structured, in simple forms; what has no translation is refused
    layouts/    tt -> tt        every tensor gets a LinearLayout
    lowering/   tt -> msl       tensors become registers of one thread
    registers/  msl -> msl      threadgroup memory, barriers, loops over registers, variables

A stage is a file with `run`; its name is its file, its line in the debug output and its test. The four folders import
nothing of each other: they share `ir/`, `dialects/`, `rules/`, `layout.py` and `target.py`.
"""
