"""msl -> msl: from registers of one thread to what the printer prints.

In the order of the pipeline:

    clean           what is computed twice, or never used
    coherence       memory that programs pass to each other
    allocate        threadgroup memory, one arena
    barriers        where threads meet, and nowhere else
    form_loops      register loops; loop_schedule: which ops share one; register_ops: what it must know of an op
    pressure        how many registers a thread needs, which decides how many simdgroups run a program
    storage         variables; interference: which values may share one
"""
