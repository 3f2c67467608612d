// Lists in provider options.
#include "ep/option_text.h"

#include <algorithm>

namespace tenon::ep {

std::set<std::string> option_list(const std::string& text) {
  std::set<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    if (end > at) out.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace tenon::ep
