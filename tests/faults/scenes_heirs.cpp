// Scenes of succession: a keeper holds the endpoint, its process has died in the midst of its work,
// and the victim is the heir. Also a queue that is drained, and tokens that are made.
#include <optional>

#include "faults/scenes.hpp"
#include "iq/detail/endpoint_access.hpp"
#include "queue/token.hpp"

namespace faults {
namespace {

using S = Stage<Text>;
using iq::detail::EndpointTransfer;
using iq::detail::TokenAccess;

/// What the keeper tells the heir: the endpoint, to be bound to the heir's process, and the text.
struct Will {
  std::atomic<std::uint32_t> endpoint{0};
  std::array<char, 256> text{};
  std::atomic<bool> written{false};
};

/// Of the scene that this process plays, made before its other processes are forked.
std::optional<iqtest::Shared<Will>>& the_will() {
  static std::optional<iqtest::Shared<Will>> will;
  return will;
}

iq::detail::Attachment& attachment_of(iq::detail::ProducerCore& core) {
  return static_cast<iq::detail::ProducerRing&>(core).attachment();
}
iq::detail::Attachment& attachment_of(iq::detail::ConsumerCore& core) {
  return static_cast<iq::detail::ConsumerRing&>(core).attachment();
}

/// A keeper whose process does `work` and is killed; then it waits for the heir, and dies after it.
template <class Work>
void keep_for_an_heir(S& stage, bool producer, Work work) {
  Will& will = *the_will().emplace();
  stage.help([&, producer](S& s, int slot) {
    auto queue = s.open();
    iq::Token token = producer ? queue.producer_token() : queue.consumer_token();
    const auto core = TokenAccess::take(token);
    iqtest::Child former = iqtest::spawn([&] { work(s, slot, core->argument_for_this_process()); });
    iqtest::require(former.wait().signal == SIGKILL, "the predecessor is killed");
    core->visit([&](auto& endpoint) {
      EndpointTransfer::await_heir(endpoint);
      will.endpoint = attachment_of(endpoint).index();
    });
    const std::string text = core->argument_for_this_process();
    text.copy(will.text.data(), will.text.size() - 1);
    will.text[text.size()] = '\0';
    will.written = true;
    iqtest::require(s.victim_ended.wait_for(iqtest::kPatienceS), "the heir ends");
    ::raise(SIGKILL);  // what its predecessor had in hand is excused by this death
  });
  iqtest::require(iqtest::wait_until([&] { return will.written.load(); }), "there is a will");
}

std::string text_for_this_process(S& stage) {
  Will& will = **the_will();
  stage.spy->extra(will.endpoint).pid = ::getpid();
  return will.text.data();
}

void die_consuming(S& stage) {
  stage.put(0, 6);
  keep_for_an_heir(stage, false, [](S& s, int slot, const std::string& text) {
    auto consumer = iq::Consumer<Text>::from_token(text);
    s.consume(consumer, slot, 2);
    ::raise(SIGKILL);
  });
}

void consume_as_heir(S& stage) {
  auto consumer = iq::Consumer<Text>::from_token(text_for_this_process(stage));
  stage.consume(consumer, S::kVictim, 2);
}

void die_producing(S& stage) {
  keep_for_an_heir(stage, true, [](S& s, int, const std::string& text) {
    auto producer = iq::Producer<Text>::from_token(text);
    s.put(producer, 10, 3);
    iqtest::kill_at("put_before_publish", 1);
    s.put(producer, 13, 1);
  });
}

void produce_as_heir(S& stage) {
  auto producer = iq::Producer<Text>::from_token(text_for_this_process(stage));
  stage.put(producer, 20, 3);
}

void make_tokens(S& stage) {
  auto queue = stage.open();
  const iq::Token out = queue.producer_token();
  const iq::Token in = queue.consumer_token();
}

void let_the_stage_go_on(S& stage) {
  stage.put(0, 4);
  iq::detail::EndpointAccess::go_on(stage.producer);
}

void drain_it(S& stage) {
  auto queue = stage.open();
  iq::detail::EndpointAccess::drainer(queue)();
}

}  // namespace

std::vector<Scene<Text>> heir_scenes() {
  constexpr auto nothing = Scene<Text>::nothing;
  return {
      {"take over a consumer", small_queue(16), die_consuming, consume_as_heir, nothing},
      {"take over a producer", small_queue(16), die_producing, produce_as_heir, nothing},
      {"make tokens", small_queue(16), nothing, make_tokens, nothing},
      {"drain a queue", small_queue(16), let_the_stage_go_on, drain_it, nothing},
  };
}

}  // namespace faults
