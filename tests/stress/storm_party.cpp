// The queues of the storm: what each of them is there for.
#include "stress/storm_party.hpp"

#include "stress/storm_line.hpp"
#include "stress/storm_pool.hpp"

namespace storm {

// What does not fit ends the storm's puts early. The pages are there once they are written.
std::uint64_t history_capacity(double seconds) {
  return static_cast<std::uint64_t>(1'000'000 + seconds * 2'500'000);
}

std::unique_ptr<Party> fixed_items(double seconds) {
  return std::make_unique<Pool<Fixed>>(
      "in-place", iq::Options{.capacity = 500, .max_deliveries = 14},  // on_producer_death = fail
      Colour{.give_back = 1000, .told = Told::of_deaths}, seconds);
}

std::unique_ptr<Party> variable_items(double seconds) {
  return std::make_unique<Pool<Variable>>(
      "encoded",
      iq::Options{.capacity = 50,
                  .bytes_per_producer = 1 << 14,
                  .max_deliveries = 14,
                  .on_producer_death = iq::OnProducerDeath::end},
      Colour{.give_back = 300}, seconds);
}

std::unique_ptr<Party> restless_workers(double seconds) {
  return std::make_unique<Pool<Variable>>(
      "restless",
      iq::Options{.capacity = 16,
                  .bytes_per_producer = 1 << 13,
                  .max_deliveries = 14,
                  .on_producer_death = iq::OnProducerDeath::end},
      Colour{.restless = true, .give_back = 100}, seconds);
}

std::unique_ptr<Party> poisonous_items(double seconds) {
  return std::make_unique<Pool<Fixed>>(
      "poison",
      iq::Options{
          .capacity = 32, .max_deliveries = 2, .on_producer_death = iq::OnProducerDeath::end},
      Colour{.give_back = 6, .has_operator = true}, seconds);
}

std::unique_ptr<Party> relay_line(double seconds) {
  return std::make_unique<Line>(
      iq::Options{
          .capacity = 24, .max_deliveries = 14, .on_producer_death = iq::OnProducerDeath::end},
      iq::Options{.capacity = 24, .bytes_per_producer = 1 << 14, .max_deliveries = 14}, seconds);
}

}  // namespace storm
