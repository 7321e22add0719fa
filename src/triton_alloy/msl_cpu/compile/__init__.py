"""C++ text -> a shared library, kept on disk. It knows neither Metal's text nor what a launch is.

- `build`: finds a compiler, runs it, reads its messages; `workspace`: the temporary folder of a compilation;
- `precompiled`: the headers of this package as clang has read them before;
- `cache`: compiled libraries by key, in a private folder (`cache_folder`); `fingerprint`: the part of every key that
  stands for this package's own files;
- `contents`, `eviction`: what is in the cache, and what of it goes when it is too much.
"""
