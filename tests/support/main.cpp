// main() of every test executable. Each case is wrapped: a limit before, the leak check after, and
// skip() understood. The wrapping replaces the function pointer in doctest's registry, which only
// the file with doctest's implementation can reach; a listener could count, but not fail a case.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <string>

#include "support/leaks.hpp"
#include "support/process.hpp"
#include "support/stacks.hpp"
#include "support/state.hpp"
#include "support/watchdog.hpp"

namespace iqtest {
namespace {

struct Skipped {
  std::string why;
};

using Function = void (*)();
std::map<const doctest::TestCaseData*, Function> wrapped;
bool case_was_skipped = false;

void report_leaks(const doctest::TestCaseData& test, const Snapshot& before) {
  for (const std::string& leak : leaks_since(before)) {
    ADD_FAIL_CHECK_AT(test.m_file.c_str(), static_cast<int>(test.m_line), "left behind: " << leak);
  }
}

void print_skip(const char* name, const std::string& why) {
  std::cout << "\niqtest: skipped: " << name << ": " << why << std::endl;
}

void run_wrapped() {
  const doctest::TestCaseData& test = *doctest::detail::g_cs->currentTest;
  start_case(test.m_name);
  const Snapshot before = take_snapshot();
  try {
    const Function run = wrapped.at(&test);
    run();
  } catch (const Skipped& skipped) {
    case_was_skipped = true;
    print_skip(test.m_name, skipped.why);
  } catch (...) {
    report_leaks(test, before);
    finish_case();
    throw;
  }
  report_leaks(test, before);
  finish_case();
}

void wrap_all() {
  for (const doctest::detail::TestCase& test : doctest::detail::getRegisteredTests()) {
    wrapped[&test] = test.m_test;
    const_cast<doctest::detail::TestCase&>(test).m_test = &run_wrapped;  // not part of the key
  }
}

/// Counts cases where the watchdog sees the counts, whatever happens to this process.
struct Counter : doctest::IReporter {
  explicit Counter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override { case_was_skipped = false; }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    if (!stats.testCaseSuccess) {
      state().failed.fetch_add(1);
      print_crash();  // of a child
    } else {
      (case_was_skipped ? state().skipped : state().passed).fetch_add(1);
    }
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData& test) override {
    if (!test.m_skip) return;  // left out by a filter of the command line
    state().skipped.fetch_add(1);
    print_skip(test.m_name, test.m_description != nullptr ? test.m_description : "no reason given");
  }
};
REGISTER_LISTENER("iqtest", 1, Counter);

int run_tests(int argc, char** argv) {
  wrap_all();
  doctest::Context context(argc, argv);
  context.setOption("no-intro", true);
  const int code = context.run();
  state().complete.store(true);
  return code;
}

}  // namespace

void skip(const std::string& why) { throw Skipped{why}; }

int detail::failed_asserts() noexcept {
  const doctest::detail::ContextState* context = doctest::detail::g_cs;
  return context != nullptr ? context->numAssertsFailedCurrentTest_atomic : 0;
}

}  // namespace iqtest

int main(int argc, char** argv) { return iqtest::run_watched(&iqtest::run_tests, argc, argv); }
