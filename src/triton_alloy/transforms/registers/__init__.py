"""msl -> msl: from registers of one thread to what the printer prints.

In the order of the pipeline:

    clean           what is computed twice, or never used
    coherence       memory that programs pass to each other
    joint_exchanges reductions that wait at one barrier
    allocate        threadgroup memory, one arena
    barriers        where threads meet, and nowhere else
    lane_pointers   offsets as a pointer of each lane and a number of each register
    moving_pointers pointers that a loop carries, in place of what is added to one in every iteration
    form_loops      register loops; loop_schedule: which ops share one; register_ops: what it must know of an op
    pressure        how many registers a thread needs, which decides how many simdgroups run a program
    storage         variables; interference: which values may share one
    unroll          loops over registers that the text asks to unroll
    pointers        arguments that are only read, and what the kernel needs of its runtime
"""
