// The log of a launch, which the host reads: prints and failed assertions. kernel.py and runtime/log.py know its form.

//: log_record
// Appends a record; one that finds no room is only counted.
METAL_FUNC void log_record(device uint *device_log, uint message, uint3 program, uint element, ulong bits) {
    uint number = atomic_fetch_add_explicit((device atomic_uint *)device_log, 1u, memory_order_relaxed);
    if (number >= 32767u) return;
    device uint *record = device_log + 8u * (number + 1u);
    record[0] = message;
    record[1] = program.x;
    record[2] = program.y;
    record[3] = program.z;
    record[4] = element;
    record[5] = uint(bits);
    record[6] = uint(bits >> 32);
}

//: log_bits
METAL_FUNC ulong log_bits(char value) { return as_type<uchar>(value); }
METAL_FUNC ulong log_bits(short value) { return as_type<ushort>(value); }
METAL_FUNC ulong log_bits(int value) { return as_type<uint>(value); }
METAL_FUNC ulong log_bits(long value) { return as_type<ulong>(value); }
METAL_FUNC ulong log_bits(float value) { return as_type<uint>(value); }

//: log_bits if f16
METAL_FUNC ulong log_bits(half value) { return as_type<ushort>(value); }

//: log_bits if bf16
METAL_FUNC ulong log_bits(bfloat value) { return as_type<ushort>(value); }

//: log_values
template <class T>
METAL_FUNC void log_values(device uint *device_log, uint message, uint3 program, i32 element, T value, b1 mask = true) {
    if (mask) log_record(device_log, message, program, uint(element), log_bits(value));
}

//: log_value
template <class T>
METAL_FUNC void log_value(device uint *device_log, uint message, uint3 program, T value, bool mask = true) {
    if (mask && simd_is_first()) log_record(device_log, message, program, 0u, log_bits(value));
}

//: log_text
METAL_FUNC void log_text(device uint *device_log, uint message, uint3 program, bool mask = true) {
    if (mask && simd_is_first()) log_record(device_log, message, program, 0u, 0ul);
}

//: log_failures
// Counts failed elements and keeps the first of the launch.
METAL_FUNC void log_failures(device uint *device_log, uint message, uint3 program, i32 element, b1 failed,
                             b1 mask = true) {
    if (!failed || !mask) return;
    device atomic_uint *failures = (device atomic_uint *)(device_log + 1);
    if (atomic_fetch_add_explicit(failures, 1u, memory_order_relaxed) != 0u) return;
    device_log[2] = message;
    device_log[3] = program.x;
    device_log[4] = program.y;
    device_log[5] = program.z;
    device_log[6] = uint(element);
}

//: log_failure
METAL_FUNC void log_failure(device uint *device_log, uint message, uint3 program, bool failed, bool mask = true) {
    log_failures(device_log, message, program, 0, failed && simd_is_first(), mask);
}
