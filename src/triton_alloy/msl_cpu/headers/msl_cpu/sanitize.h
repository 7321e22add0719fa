// Sanitize mode: `reference` mode, compiled with clang's -fsanitize=thread instrumentation and linked to our own hooks
// (runtime/sanitizer.cpp), which see every access to memory. What the instrumentation cannot see is told here.
#pragma once
#include "abi.h"

extern "C" {
// A threadgroup begins (its threads have not started) and ends.
void msl_cpu_sanitizer_enter(msl_cpu::Worker *worker);
void msl_cpu_sanitizer_leave(msl_cpu::Worker *worker);
// The calling thread arrives at a threadgroup barrier; `flags` are its mem_flags, `site` its place in the text.
void msl_cpu_sanitizer_barrier(msl_cpu::Worker *worker, uint flags, int site);
// These lanes of a simdgroup have met in a collective operation.
void msl_cpu_sanitizer_met(msl_cpu::Worker *worker, uint simdgroup, uint lanes);
// The calling thread passes a fence: mem_flags, memory_order and thread_scope of <metal_atomic>.
void msl_cpu_sanitizer_fence(uint flags, uint order, uint scope);
// Where the static threadgroup variable lies that the kernel places at `offset`.
char *msl_cpu_sanitizer_place(msl_cpu::Worker *worker, uint offset, uint bytes);
}
