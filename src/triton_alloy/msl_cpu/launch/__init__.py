"""What Python and compiled code hand each other when a kernel runs, and what is said where it was stopped.

- `plan`: the structures and functions of the runtime (`runtime/*.cpp`), which is compiled and loaded here;
- `buffers`: the address and extent of what users pass; `host`: what a launch asks of Python while it runs;
- `failures`: from what the runtime wrote down to an exception; `places`: which line of the user's text an address in
  compiled code belongs to, by the library's own table (`line_table`).
"""
