// session.h: the session as the files of the Python module see it, and the one way to run it.
#pragma once
#include <unordered_map>
#include <vector>

#include "binding.h"

namespace tenon::bindings {

struct PySession {
  explicit PySession(Session s);

  struct Input {
    FeedType type;
    bool required;
  };
  Session session;
  std::unordered_map<std::string, Input> inputs;
  size_t required = 0;  ///< inputs that every run must feed: those that are no optional
  bool has_optional = false;
  std::vector<std::string> outputs;
};

/// What a run needs, without Python objects.
struct Call {
  std::vector<std::string> feed_names;
  std::vector<Value> feeds;
  std::vector<std::string> fetch_names;
  std::vector<Value> fetches;
};

/// None or RunOptions; TypeError for all else.
PyRunOptions* run_options(nb::handle given);
/// None or an empty list: all outputs.
std::vector<std::string> fetch_names(const PySession& s, nb::handle names);
/// A name, or TypeError.
std::string name_text(nb::handle h, const char* what);
/// Reads a mapping of names to values; fails for unknown names, raises MissingInputs.
void read_feeds(const PySession& s, nb::handle feed, Call& call);
/// Adds the parameters of active adapters to the feeds; where both are given, the adapter's count.
void add_adapters(Call& call, const PyRunOptions* options);
/// Runs with the GIL given up; Ctrl-C on the main thread ends the run with KeyboardInterrupt.
void execute(const PySession& s, Call& call, PyRunOptions* options);

}  // namespace tenon::bindings
