// Value handles: reference counting, construction, recycling of records.
#include "tenon/value.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include "base/dtype.h"
#include "base/fork_mutex.h"
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
  void* p = std::aligned_alloc(64, (std::max<size_t>(bytes, 1) + 63) / 64 * 64);
  if (!p) fail_out_of_memory(bytes, "a tensor");
  d->data = p;
  if (type == DType::kString) std::uninitialized_default_construct_n(static_cast<std::string*>(p), d->count);
  d->release = [p, n = type == DType::kString ? d->count : 0] {
    destroy_strings(p, n);
    std::free(p);
  };
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
const void* Value::data() const noexcept { return d_ ? d_->data : nullptr; }
void* Value::mutable_data() noexcept { return d_ ? d_->data : nullptr; }
const Device& Value::device() const noexcept { return d_ ? d_->device : kEmpty.device; }
std::span<const Value> Value::items() const noexcept {
  return d_ ? std::span<const Value>(d_->items) : std::span<const Value>();
}
int Value::use_count() const noexcept { return d_ ? d_->refs.load(std::memory_order_relaxed) : 0; }

Value Value::reshaped(std::span<const int64_t> dims) const {
  if (element_count(dims) != count())
    fail("cannot give shape {} to a tensor of shape {}", to_string(dims), to_string(this->dims()));
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
