// What snippets in documents and comments take for granted; examples.py compiles them behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "iq/iq.hpp"

struct Job {
  std::string name;
};

struct Sample {
  int x;
};
using T = Job;

class Money {
 public:
  Money(std::int64_t cents, std::string currency);
  std::int64_t cents() const;
  const std::string& currency() const;
};

namespace geo {
struct Point {
  explicit Point(double x_) : x(x_) {}
  double x;
};
}  // namespace geo

using Id = int;
struct User {
  int id;
  std::string name;
};
struct Shard {
  int number;
  std::vector<User> users(std::span<const Id> ids) const;
};
extern Shard db;
Shard& database();
extern const Shard shard;
User find_user(std::string name);
void greet(const std::string& name);
extern iq::batched<User(Id)>& load;
extern iq::batched<double(Id)>& accounts;
extern std::string line;

extern iq::IterableQueue<int> q;
extern iq::IterableQueue<Job> queue, other_queue, jobs, answers;
extern iq::Producer<Job> producer;
extern iq::Producer<iq::Bytes> blobs;
extern iq::Loan<Sample> loan;
extern iq::Consumer<Job> consumer;
extern iq::WorkerGroup crew;
extern iq::Encoder& out;
extern iq::Decoder& in;
extern const Job job;
extern const std::string argument, name;
extern const int age;
extern const std::size_t n;
extern std::vector<User> users;
iq::Generator<User> only_active(iq::Generator<User> users);
iq::Generator<std::vector<User>> send(iq::Generator<std::vector<User>> chunks);
void fill(std::span<std::byte> bytes);
void function(iq::Consumer<Job> in, iq::Producer<Job> out, const std::string& argument);
template <class T>
void use(const T& value);
