// The entries of onnxruntime's libraries of custom operators and of providers, which Tenon does not load.
#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void* RegisterCustomOps(void*, const void*) { return nullptr; }
EXPORTED void* CreateEpFactories(const char*, const void*, const void*, void**, unsigned long, unsigned long*) {
  return nullptr;
}
