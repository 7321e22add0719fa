"""Metal text -> C++ text for the headers of this package. Nothing here runs a kernel, and only `preprocess` a program.

In the order in which a text goes through it:

- `preprocess`: includes and macros that hide kernels are expanded by the compiler; most texts need none of it;
- `tokens`: the text as a list that passes edit in place; `language`: the words of Metal, a table (`language.txt`);
- `refusals`: what Metal has and this package does not; `signatures`: kernels, their parameters and instantiations;
- `threadgroup_memory`, `address_spaces`: what C++ does not have goes; `outputs`, `guards`: what fast mode is told of
  device memory; `line_numbers`: places where lanes meet, for g++;
- `rewrite`: all of it in order, with an entry point for every kernel.
"""
