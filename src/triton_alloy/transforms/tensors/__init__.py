"""tt -> tt: whatever Triton's front end leaves becomes one structured function in simple forms.

In the order of the pipeline:

    structurize         early returns become nested scf.if
    inline, flatten     calls; the functions that ops apply to single elements
    combiner_checks     assertions in the functions of reductions and scans
    simplify            folds what is known, with the rewrites of `rules/`
    round_arguments     64-bit floats that are only rounded are passed rounded
    refuse              what Metal has no counterpart for, before anything is rewritten
    bound_waits, carry  loops: those that wait for other programs; those that move a tensor as a whole
    libdevice/          CUDA's functions as arithmetic
    scaled_dot, small_floats    block scales and 8-bit floats as what devices compute with
    legalize            ops in forms that every later stage knows
    whole_tiles         loops without masks for the tiles that lie inside; extents: what bounds a tensor's integers

`terms` is how several of them write arithmetic: as Python expressions.
"""
