// The names of varying types.

//: UNROLL
// Before loops over registers: an array whose elements are picked by numbers known to the compiler stays in registers.
#define UNROLL _Pragma("clang loop unroll(full)")

//: b1
typedef bool b1;

//: i8
typedef char i8;

//: i16
typedef short i16;

//: i32
typedef int i32;

//: i64
typedef long i64;

//: u8
typedef uchar u8;

//: u16
typedef ushort u16;

//: u32
typedef uint u32;

//: u64
typedef ulong u64;

//: f16
typedef half f16;

//: bf16
typedef bfloat bf16;

//: f32
typedef float f32;
