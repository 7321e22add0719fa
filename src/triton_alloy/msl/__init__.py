"""The lowered module as Metal text. Nothing is decided here: what the text says is in the IR.

printer     a kernel: signature, vocabulary, body
writer      lines, scopes, values that are spelled where they are used
messages    what the kernel may say in its log
statements, operations, elementwise     how each op is spelled, by name
intrinsics  the one table of elementwise ops
expressions, types, names               precedence, types and literals, names that are never a word of MSL
vocabulary  the functions and types that texts are made of; vocabulary/*.metal holds their definitions
"""
