// NVIDIA's driver for test_driver.py, in the memory of the CPU: the header is NVIDIA's own, so the signatures are.
// Machine code is the name of its only kernel, which doubles n floats of x into y, and says on which stream.
#include <stdlib.h>
#include <string.h>

#include <cuda.h>

static char kernel[64];
static int context;
#define CHECK(condition) \
    if (!(condition)) return CUDA_ERROR_INVALID_VALUE

CUresult cuInit(unsigned int flags) {
    CHECK(flags == 0);
    return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int *count) {
    *count = 1;
    return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    CHECK(ordinal == 0);
    *device = 7;
    return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
    CHECK(device == 7);
    strncpy(name, "double", size);
    return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *result, CUdevice device) {
    CHECK(device == 7);
    *result = (CUcontext)&context;
    return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext current) {
    CHECK(current == (CUcontext)&context);
    return CUDA_SUCCESS;
}
CUresult cuCtxSynchronize(void) { return CUDA_SUCCESS; }
CUresult cuGetErrorString(CUresult error, const char **text) {
    *text = "an error of the double";
    return CUDA_SUCCESS;
}
CUresult cuMemAlloc(CUdeviceptr *address, size_t size) {
    CHECK(size > 0);
    *address = (CUdeviceptr)malloc(size);
    return CUDA_SUCCESS;
}
CUresult cuMemFree(CUdeviceptr address) {
    free((void *)address);
    return CUDA_SUCCESS;
}
CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t size) {
    memcpy((void *)to, from, size);
    return CUDA_SUCCESS;
}
CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t size) {
    memcpy(to, (const void *)from, size);
    return CUDA_SUCCESS;
}
CUresult cuModuleLoadData(CUmodule *module, const void *code) {
    strncpy(kernel, code, sizeof(kernel) - 1);
    *module = (CUmodule)kernel;
    return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    CHECK(module == (CUmodule)kernel);
    if (strcmp(kernel, name)) return CUDA_ERROR_NOT_FOUND;
    *function = (CUfunction)kernel;
    return CUDA_SUCCESS;
}
CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function) {
    CHECK(function == (CUfunction)kernel);
    *value = attribute == CU_FUNC_ATTRIBUTE_NUM_REGS ? 42 : attribute == CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES ? 8 : 0;
    return CUDA_SUCCESS;
}
CUresult cuLaunchKernel(CUfunction function, unsigned int blocks, unsigned int blocks_y, unsigned int blocks_z,
                        unsigned int threads, unsigned int threads_y, unsigned int threads_z, unsigned int shared,
                        CUstream stream, void **parameters, void **extra) {
    CHECK(function == (CUfunction)kernel && blocks_y == 1 && blocks_z == 1);
    CHECK(threads_y == 1 && threads_z == 1 && shared == 0 && extra == NULL);
    const float *from = *(const float **)parameters[0];
    float *to = *(float **)parameters[1];
    const unsigned int count = *(const int *)parameters[2];
    for (unsigned int i = 0; i < blocks * threads && i < count; ++i) to[i] = 2 * from[i];
    **(CUstream **)parameters[3] = stream;
    return CUDA_SUCCESS;
}
