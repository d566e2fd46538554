// The first example of gbatchy, a Python library, with the output that its documentation shows: two
// tasks ask for three items each, and the function is called once for all six.
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "iq/iq.hpp"

namespace {

std::vector<int> batch_fn(std::span<const int> batch) {
  std::printf("In batch function with args:\n");
  for (const int i : batch) std::printf("\t%d\n", i);
  std::vector<int> results;
  for (const int i : batch) results.push_back(i + 1);
  std::printf("Batch function done\n");
  std::fflush(stdout);
  return results;
}

void print(const std::vector<int>& results) {
  std::string text;
  for (const int i : results) {
    if (!text.empty()) text += ", ";
    text += std::to_string(i);
  }
  std::printf("[%s]\n", text.c_str());
}

}  // namespace

int main() {
  iq::batched<int(int)> f{batch_fn};
  const iq::BatchContext context;
  const auto fetcher = [&f] {
    std::vector<iq::Future<int>> futures;
    for (int i = 0; i < 3; ++i) futures.push_back(f.async(i));
    print(iq::pget(futures));
  };
  iq::pget(std::vector{iq::spawn(fetcher), iq::spawn(fetcher)});
}
