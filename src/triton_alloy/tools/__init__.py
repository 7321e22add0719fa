"""The command line, `triton-alloy`: one file per command, and what several of them share.

cli                                 the commands
demo, cases                         the examples, run and checked
bench, sections, metal_sections, operators, workloads, curves, plot, measure     the numbers this project claims
calibrate, pipelines, launches, rivals              a Mac's compiler and GPU on our texts
info, doctor, trials                what a machine has, and what works on it
setup, vendor, macos_wheel          Triton's Python files where Triton has no wheel
support, support_rows               docs/support.md
"""
