// async.h: run_async: runs on threads of our own, with a Python callback at the end.
#pragma once
#include "session.h"

namespace tenon::bindings {

/// Queues the run. Later, on another thread: callback(results, user_data, ""), or callback([], user_data, message).
void run_async(nb::object session, nb::handle output_names, nb::handle feed, nb::object callback, nb::object user_data,
               nb::object options);
/// In a forked child: its threads are made anew when they are needed.
void forget_async_threads();

}  // namespace tenon::bindings
