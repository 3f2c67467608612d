// Value handles: reference counting, construction, recycling of records.
#include "tenon/value.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "base/dtype.h"
#include "base/file.h"
#include "base/fork_mutex.h"
#include "base/pages.h"
#include "base/value_data.h"

namespace tenon {
namespace {

// Constant-initialised and never destroyed: handles may die during process exit.
struct FreeList {
  ForkMutex mutex;
  void* head = nullptr;
  int size = 0;
};
constinit FreeList g_free{};
constexpr int kMaxFree = 4096;

void destroy_strings(void* data, int64_t n) {
  auto* s = static_cast<std::string*>(data);
  for (int64_t i = 0; i < n; ++i) s[i].~basic_string();
}

void destroy(ValueData* d) {
  if (d->dtype == DType::kString && d->data && !d->release) destroy_strings(d->data, d->count);
  if (d->allocator)
    d->allocator->free(d->data);
  else if (d->release)
    d->release();
  delete d;
}

ValueData* new_record(DType type, std::span<const int64_t> dims) {
  if (type == DType::kUndefined) fail("a tensor needs an element type");
  auto d = std::make_unique<ValueData>();
  d->dtype = type;
  d->dims.assign(dims);
  d->count = element_count(dims);
  d->bytes = type == DType::kString ? 0 : storage_bytes(type, d->count);
  return d.release();
}

const ValueData kEmpty{};

constinit ForkMutex g_load;

/// Throws out of memory.
void* load_from_file(ValueData* d) {
  std::lock_guard lock(g_load);
  if (!d->data) {
    d->copy = d->file->aligned({d->source, d->bytes});
    std::atomic_ref<void*>(d->data).store(const_cast<void*>(d->copy.get()), std::memory_order_release);
  }
  return d->data;
}

const void* file_data(ValueData* d) noexcept {
  if (void* p = std::atomic_ref<void*>(d->data).load(std::memory_order_acquire)) return p;
  try {
    return load_from_file(d);
  } catch (const Error&) {
    return d->source;
  }
}

}  // namespace

void* ValueData::operator new(size_t bytes) {
  {
    std::lock_guard lock(g_free.mutex);
    if (void* p = g_free.head) {
      std::memcpy(&g_free.head, p, sizeof(void*));
      --g_free.size;
      return p;
    }
  }
  return ::operator new(bytes);
}

void ValueData::operator delete(void* p) noexcept {
  {
    std::lock_guard lock(g_free.mutex);
    if (g_free.size < kMaxFree) {
      std::memcpy(p, &g_free.head, sizeof(void*));
      g_free.head = p;
      ++g_free.size;
      return;
    }
  }
  ::operator delete(p);
}

Value::Value(const Value& o) noexcept : d_(o.d_) {
  if (d_) d_->refs.fetch_add(1, std::memory_order_relaxed);
}

Value::~Value() {
  if (d_ && d_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(d_);
}

Value Value::tensor(DType type, std::span<const int64_t> dims) {
  Value v(new_record(type, dims));
  ValueData* d = v.d_;
  const size_t bytes = type == DType::kString ? storage_bytes(type, d->count) : d->bytes;
  const size_t size = std::max<size_t>(bytes, 1);
  void* p = allocate_block(size);
  if (!p) fail_out_of_memory(bytes, "a tensor");
  d->data = p;
  d->releasable = type != DType::kString;
  if (type == DType::kString) std::uninitialized_default_construct_n(static_cast<std::string*>(p), d->count);
  if (type == DType::kString)
    d->release = [p, size, n = d->count] {
      destroy_strings(p, n);
      free_block(p, size);
    };
  else
    d->release = [p, size] { free_block(p, size); };
  return v;
}

Value Value::borrow(DType type, std::span<const int64_t> dims, void* data, std::function<void()> release) {
  Value v(new_record(type, dims));
  v.d_->data = data;
  v.d_->release = release ? std::move(release) : [] {};
  return v;
}

Value Value::strings(std::span<const int64_t> dims, std::vector<std::string> items) {
  Value v = tensor(DType::kString, dims);
  if (static_cast<int64_t>(items.size()) != v.count())
    fail("{} strings given for shape {}", items.size(), to_string(dims));
  std::move(items.begin(), items.end(), v.as_mutable<std::string>().begin());
  return v;
}

Value Value::sequence(std::vector<Value> items, DType element) {
  Value v(new ValueData);
  v.d_->kind = ValueKind::kSequence;
  v.d_->dtype = !items.empty() ? items[0].dtype() : element;
  v.d_->count = static_cast<int64_t>(items.size());
  v.d_->items = std::move(items);
  return v;
}

Value Value::map(Value keys, Value values) {
  if (keys.count() != values.count())
    fail("a map needs as many keys ({}) as values ({})", keys.count(), values.count());
  Value v(new ValueData);
  v.d_->kind = ValueKind::kMap;
  v.d_->dtype = keys.dtype();
  v.d_->count = keys.count();
  v.d_->items.push_back(std::move(keys));
  v.d_->items.push_back(std::move(values));
  return v;
}

Value Value::optional(Value item) {
  Value v(new ValueData);
  v.d_->kind = ValueKind::kOptional;
  if (item) {
    v.d_->dtype = item.dtype();
    v.d_->items.push_back(std::move(item));
  }
  return v;
}

Value Value::sparse(std::span<const int64_t> dims, Value values, Value indices) {
  Value v(new_record(values.dtype(), dims));
  v.d_->kind = ValueKind::kSparse;
  v.d_->items.push_back(std::move(values));
  v.d_->items.push_back(std::move(indices));
  return v;
}

ValueKind Value::kind() const noexcept { return d_ ? d_->kind : ValueKind::kNone; }
DType Value::dtype() const noexcept { return d_ ? d_->dtype : DType::kUndefined; }
std::span<const int64_t> Value::dims() const noexcept {
  return d_ ? std::span<const int64_t>(d_->dims) : std::span<const int64_t>();
}
int64_t Value::count() const noexcept { return d_ ? d_->count : 0; }
size_t Value::bytes() const noexcept { return d_ ? d_->bytes : 0; }
const void* Value::data() const noexcept {
  if (!d_) return nullptr;
  return d_->source ? file_data(d_) : d_->data;
}
void* Value::mutable_data() noexcept { return const_cast<void*>(data()); }
const Device& Value::device() const noexcept { return d_ ? d_->device : kEmpty.device; }
std::span<const Value> Value::items() const noexcept {
  return d_ ? std::span<const Value>(d_->items) : std::span<const Value>();
}
int Value::use_count() const noexcept { return d_ ? d_->refs.load(std::memory_order_relaxed) : 0; }

Value Value::reshaped(std::span<const int64_t> dims) const {
  if (element_count(dims) != count())
    fail("cannot give shape {} to a tensor of shape {}", to_string(dims), to_string(this->dims()));
  if (d_->source) return ValueAccess::in_file(dtype(), dims, {d_->source, d_->bytes}, d_->file);
  return borrow(dtype(), dims, d_->data, [keep = *this] {});
}

Value ValueAccess::adopt(DType type, std::span<const int64_t> dims, void* data, std::shared_ptr<Allocator> allocator) {
  ValueData* d = new_record(type, dims);
  d->data = data;
  d->allocator = std::move(allocator);
  return make(d);
}

Value ValueAccess::view(DType type, std::span<const int64_t> dims, void* data) {
  ValueData* d = new_record(type, dims);
  d->data = data;
  d->release = [] {};
  return make(d);
}

Value ValueAccess::in_file(DType type, std::span<const int64_t> dims, std::span<const std::byte> part,
                           std::shared_ptr<const FileBytes> file) {
  ValueData* d = new_record(type, dims);
  Value v = make(d);
  const size_t alignment = std::min<size_t>(std::max<size_t>(dtype_size(type), 1), 8);
  d->release = [] {};
  d->source = part.data();
  d->file = std::move(file);
  if (reinterpret_cast<uintptr_t>(part.data()) % alignment == 0) d->data = const_cast<std::byte*>(part.data());
  return v;
}

Value ValueAccess::share(DType type, std::span<const int64_t> dims, std::shared_ptr<const void> data,
                         const std::array<uint64_t, 2>& hash) {
  ValueData* d = new_record(type, dims);
  d->data = const_cast<void*>(data.get());
  d->hash = hash;
  d->releasable = true;
  d->release = [data = std::move(data)] {};
  return make(d);
}

void ValueAccess::load(const Value& v) {
  if (v.d_ && v.d_->source && !v.d_->data) load_from_file(v.d_);
}

void ValueAccess::give_back(const Value& v, int handles) noexcept {
  constexpr size_t kWorthIt = size_t{16} << 10;
  ValueData* d = v.d_;
  if (!d) return;
  const bool all = v.use_count() == handles;
  if (d->source) {
    if (!d->copy) d->file->give_back({d->source, d->bytes});
    if (d->copy && all) {
      d->data = nullptr;
      d->copy.reset();
    }
  } else if (d->releasable && d->data && d->bytes >= kWorthIt && all) {
    d->release();
    d->release = [] {};
    d->data = nullptr;
  }
}

bool ValueAccess::is_empty(const Value& v) noexcept {
  return v.d_ && v.d_->kind == ValueKind::kTensor && !v.d_->data && !v.d_->source && v.d_->bytes > 0;
}

Value copy_tensor(const Value& v) {
  if (v.kind() == ValueKind::kOptional && !v.items().empty()) return Value::optional(copy_tensor(v.items()[0]));
  if (!v.is_tensor()) return v;
  Value out = Value::tensor(v.dtype(), v.dims());
  if (v.dtype() == DType::kString)
    std::copy_n(v.string_data().begin(), v.count(), out.as_mutable<std::string>().begin());
  else if (v.bytes())
    std::memcpy(out.mutable_data(), v.data(), v.bytes());
  return out;
}

}  // namespace tenon
