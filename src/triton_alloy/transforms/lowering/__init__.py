"""tt -> msl: tensors become registers of one thread, by one rule per op.

    lower           the stage, and the rules of constants and elementwise ops
    context         how a tensor is held, the state of one lowering, and the driver that keeps what rules return
    places          what every rule asks of a thread: coordinates, masks of owners, elections
    memory, atomic  pointers, loads, stores; atomics
    convert         from one layout to another: renamings, shuffles, threadgroup memory
    reduce, scan    with combiners (their functions) and commutative (what those allow)
    partials        what simdgroups tell each other in these two
    dot, gather     products; elements at places that the data tell
    shape, control, debug           views; loops and branches; prints and assertions
    lane_zero       what lane 0 computes, as uniform code

A rule is registered by the name of its op; `lower` imports the files, which registers them.
"""
