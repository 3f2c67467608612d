// async.cc: a queue of runs and the threads that serve it.
#include "async.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "lifetime.h"

namespace tenon::bindings {
namespace {

struct Job {
  nb::object session, callback, user_data, run_options;
  Call call;
  std::atomic<bool> own_flag{false};
  std::unique_ptr<InFlight> entry;
};

// Never destroyed: threads wait in it when the process ends.
struct Queue {
  std::mutex mutex;
  std::condition_variable more;
  std::deque<Job*> jobs;
  size_t idle = 0, threads = 0;

  void push(Job* job) {
    const std::lock_guard lock(mutex);
    jobs.push_back(job);
    if (idle < jobs.size() && threads < most()) {
      std::thread([this] { serve(); }).detach();
      ++threads;
      ++idle;
    }
    more.notify_one();
  }
  [[noreturn]] void serve();
  static size_t most() { return static_cast<size_t>(std::max(4, ThreadPool::default_threads())); }
};

Queue* g_queue = nullptr;  // guarded by the GIL

std::string compute(Job& job) {
  const PySession& s = *nb::inst_ptr<PySession>(job.session);
  RunOptions options;
  if (const PyRunOptions* given = run_options(job.run_options)) options = given->options;
  options.terminate = &job.entry->stop;
  try {
    s.session.run(job.call.feed_names, job.call.feeds, job.call.fetch_names, job.call.fetches, options);
    return {};
  } catch (const std::exception& e) {
    return *e.what() ? e.what() : "the run failed";
  }
}

void report(Job& job, std::string error) {
  nb::object results = nb::list();
  if (error.empty()) {
    try {
      nb::list list;
      for (const Value& v : job.call.fetches) list.append(to_python(v));
      results = list;
    } catch (const std::exception& e) {
      error = e.what();
    }
  }
  const nb::object text =
      nb::steal(PyUnicode_DecodeUTF8(error.data(), static_cast<Py_ssize_t>(error.size()), "backslashreplace"));
  const nb::object done = nb::steal(
      PyObject_CallFunctionObjArgs(job.callback.ptr(), results.ptr(), job.user_data.ptr(), text.ptr(), nullptr));
  if (!done.is_valid()) PyErr_WriteUnraisable(job.callback.ptr());
}

void Queue::serve() {
  for (;;) {
    Job* job;
    {
      std::unique_lock lock(mutex);
      more.wait(lock, [this] { return !jobs.empty(); });
      job = jobs.front();
      jobs.pop_front();
      --idle;
    }
    std::string error = compute(*job);
    {
      const WithGil gil;
      report(*job, std::move(error));
      delete job;
    }
    const std::lock_guard lock(mutex);
    ++idle;
  }
}

}  // namespace

void run_async(nb::object session, nb::handle output_names, nb::handle feed, nb::object callback, nb::object user_data,
               nb::object options) {
  if (!PyCallable_Check(callback.ptr()))
    throw nb::type_error(
        fmt::format("run_async: expected a callback(results, user_data, error), found {}", class_of(callback)).c_str());
  auto job = std::make_unique<Job>();
  PyRunOptions* given = run_options(options);
  const PySession& s = *nb::inst_ptr<PySession>(session);
  job->call.fetch_names = fetch_names(s, output_names);
  read_feeds(s, feed, job->call);
  add_adapters(job->call, given);
  job->call.fetches.resize(job->call.fetch_names.size());
  job->session = std::move(session);
  job->callback = std::move(callback);
  job->user_data = std::move(user_data);
  job->run_options = std::move(options);
  job->entry = std::make_unique<InFlight>(given ? given->terminate : job->own_flag);
  if (!g_queue) g_queue = new Queue;
  g_queue->push(job.release());
}

void forget_async_threads() { g_queue = nullptr; }

}  // namespace tenon::bindings
