// The entry of onnxruntime's custom operator libraries, which Tenon does not load.
extern "C" __attribute__((visibility("default"))) void* RegisterCustomOps(void*, const void*) { return nullptr; }
