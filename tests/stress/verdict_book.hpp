// Small histories, written by one hand, for the tests of the storm's judge.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "stress/verdict.hpp"

namespace storm {

// Lives of the small histories below.
inline constexpr std::uint32_t kPuts = 1, kGets = 2, kOther = 3, kOperator = 4;

/// A history that is written by one hand.
class Book {
 public:
  Book() {
    puts.attaching(Role::producer);
    puts.attached();
    gets.attaching(Role::consumer);
    gets.attached();
    other.attaching(Role::consumer);
    other.attached();
    puts.drew(0, 8);
  }
  /// Items that go through undisturbed.
  void pass(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t id = first; id < first + count; ++id) {
      puts.returned(id);
      gets.delivered(id, id + 1, 1);
      gets.acknowledged(id);
    }
  }
  Verdict verdict(const Rules& rules = {}) const { return judge(history.events(), rules); }

  History history{1000};
  Scribe puts{history, kPuts}, gets{history, kGets}, other{history, kOther};
  Scribe by_operator{history, kOperator};
};

inline bool complains(const Book& told, const char* word, const Rules& rules = {}) {
  const Verdict verdict = told.verdict(rules);
  for (const std::string& complaint : verdict.complaints) {
    if (complaint.find(word) != std::string::npos) return true;
  }
  for (const std::string& complaint : verdict.complaints) MESSAGE(complaint);
  return false;
}

inline bool content(const Book& told, const Rules& rules = {}) {
  const Verdict verdict = told.verdict(rules);
  for (const std::string& complaint : verdict.complaints) MESSAGE(complaint);
  return verdict.ok();
}

}  // namespace storm
