// Tokens: an endpoint that is registered here and goes on in a program that does not know it yet.
//
// The text says which file, which endpoint, which registration, and a random number that the
// endpoint's line holds until one process has used it (T41). The process is bound by its id, which
// the child writes down before it becomes the program. The supervisor holds one of the endpoint's
// two bytes meanwhile, so the endpoint is counted and nobody takes it for dead.
#include "queue/token.hpp"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "queue/shared_queue.hpp"
#include "sys/fork_guard.hpp"
#include "sys/passed_file.hpp"
#include "sys/process.hpp"

namespace iq {

Token::Token(std::unique_ptr<detail::TokenCore> core) noexcept : core_(std::move(core)) {}
Token::Token(Token&& other) noexcept = default;
Token& Token::operator=(Token&& other) noexcept {
  if (this == &other) return *this;
  if (core_) core_->close();
  core_ = std::move(other.core_);
  return *this;
}
Token::~Token() {
  if (core_) core_->close();
}

namespace detail {
namespace {

constexpr std::string_view kTokenPrefix = "iq1";
constexpr std::string_view kEnd = ".";  // so that one that was cut is not taken for whole
constexpr char kSeparator = ':';

struct Ticket {
  Role role = Role::none;
  std::uint32_t index = 0;
  std::uint32_t incarnation = 0;
  std::uint64_t token = 0;
  PassedFile file;
};

std::string text_of(const Ticket& t) {
  return fmt::format("{}:{}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{}:{}", kTokenPrefix,
                     t.role == Role::producer ? 'p' : 'c', t.index, t.incarnation, t.token,
                     t.file.id.device, t.file.id.inode, t.file.number, t.file.holder,
                     t.file.holder_number, t.file.name, kEnd);
}

[[noreturn]] void refuse_text(std::string_view text) {
  throw BadArgument(fmt::format(
      "cannot read \"{}\" as a token: it does not come from WorkerGroup::exec, or is not whole. "
      "Pass on exactly the argument that the program got: tokens are its last ones",
      text.substr(0, 200)));
}

/// Cuts the part before the next separator off `rest`.
std::string_view next_part(std::string_view& rest) {
  const std::size_t at = rest.find(kSeparator);
  const std::string_view part = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return part;
}

template <class Number>
bool read(std::string_view& rest, Number& number) {
  const std::string_view part = next_part(rest);
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number, 16);
  return error == std::errc() && end == part.data() + part.size() && !part.empty();
}

Ticket ticket_of(std::string_view text) {
  std::string_view rest = text;
  Ticket t;
  const bool ours = next_part(rest) == kTokenPrefix;
  const std::string_view role = next_part(rest);
  if (role == "p") t.role = Role::producer;
  if (role == "c") t.role = Role::consumer;
  const bool whole =
      ours && t.role != Role::none && read(rest, t.index) && read(rest, t.incarnation) &&
      read(rest, t.token) && read(rest, t.file.id.device) && read(rest, t.file.id.inode) &&
      read(rest, t.file.number) && read(rest, t.file.holder) && read(rest, t.file.holder_number);
  t.file.name = next_part(rest);
  if (!whole || rest != kEnd || t.index >= kMaxEndpoints || t.token == 0) refuse_text(text);
  return t;
}

/// One segment per file and process, so that two tokens of one queue know of each other: a put may
/// wait for what the same thread has in hand.
class OpenSegments {
 public:
  std::shared_ptr<Segment> find(FileId id) {
    const ForkGuard guard;
    return find_guarded(id);
  }
  std::shared_ptr<Segment> find_or_keep(std::shared_ptr<Segment> fresh) {
    const ForkGuard guard;
    if (auto known = find_guarded(fresh->lock_file().id())) return known;
    segments_.push_back(fresh);
    return fresh;
  }

 private:
  std::shared_ptr<Segment> find_guarded(FileId id) {
    std::erase_if(segments_, [](const auto& weak) { return weak.expired(); });
    for (const auto& weak : segments_) {
      auto known = weak.lock();
      if (known && known->lock_file().id() == id) return known;
    }
    return nullptr;
  }

  std::vector<std::weak_ptr<Segment>> segments_;
};

std::shared_ptr<Segment> open_segment(const PassedFile& file) {
  static OpenSegments open;
  if (auto known = open.find(file.id)) return known;
  Fd found = take_passed_file(file);
  if (!found) {
    throw NotFound(fmt::format(
        "cannot open the queue of a token (inode {}): its descriptor {} was closed on the way, and "
        "neither process {} nor a name leads to it. Use the token in the program that exec() "
        "starts, before it closes descriptors that it does not know",
        file.id.inode, file.number, file.holder));
  }
  return open.find_or_keep(Segment::open_file(std::move(found), file.name));
}

Attachment use(std::string_view text, Role role, const ItemType& type) {
  const Ticket t = ticket_of(text);
  if (t.role != role) {
    const bool is_producer = t.role == Role::producer;
    throw BadArgument(fmt::format(
        "this token is of a {0}, not of a {1}: use iq::{2}<T>::from_token, or pass the other one",
        is_producer ? "producer" : "consumer", is_producer ? "consumer" : "producer",
        is_producer ? "Producer" : "Consumer"));
  }
  std::shared_ptr<Segment> segment = open_segment(t.file);
  require_type(*segment, type);
  Attachment heir = Attachment::of_token(segment, t.index, t.incarnation, t.role, t.token);
  const auto refuse_used = [&segment] {
    throw Closed(
        fmt::format("cannot use a token of {} again: its endpoint has been taken already, "
                    "or was given up. Each token is for one process and one use of it",
                    segment->description()));
  };
  if (!heir.is_unused()) refuse_used();
  const int bound_to = segment->extra(t.index).pid.load(std::memory_order_relaxed);
  if (bound_to != process_id()) {
    throw WrongProcess(fmt::format(
        "cannot use a token of {} here: it is for process {}, this is {}. A token is for the "
        "program that exec() starts, not for a process that this one starts",
        segment->description(), bound_to, process_id()));
  }
  if (!adopt_with_patience(heir)) refuse_used();
  if (!heir.use_token()) {
    heir.unadopt();
    refuse_used();
  }
  return heir;
}

}  // namespace

Token TokenAccess::make(ProducerHandle core) {
  EndpointTransfer::await_heir(*core);
  return Token(std::make_unique<TokenCore>(std::move(core)));
}
Token TokenAccess::make(ConsumerHandle core) {
  EndpointTransfer::await_heir(*core);
  return Token(std::make_unique<TokenCore>(std::move(core)));
}

ProducerHandle TokenAccess::use_for_producer(std::string_view text, const ItemType& type) {
  return std::make_shared<ProducerRing>(use(text, Role::producer, type), ProducerRing::Succeed{});
}

ConsumerHandle TokenAccess::use_for_consumer(std::string_view text, const ItemType& type) {
  auto consumer = std::make_shared<ConsumerRing>(use(text, Role::consumer, type));
  consumer->resume();
  return consumer;
}

std::unique_ptr<TokenCore> TokenAccess::take(Token& token) noexcept {
  return std::move(token.core_);
}

Attachment& TokenCore::attachment() const {
  if (producer_) return static_cast<ProducerRing&>(*producer_).attachment();
  return static_cast<ConsumerRing&>(*consumer_).attachment();
}

const std::shared_ptr<Segment>& TokenCore::segment() const { return attachment().shared_segment(); }

std::string TokenCore::role() const {
  return (producer_ ? "producer of " : "consumer of ") + segment()->description();
}

std::string TokenCore::argument_for_this_process() const {
  const Attachment& endpoint = attachment();
  const Segment& from = endpoint.segment();
  const int number = from.lock_file().probe_fd();
  const PassedFile file{from.lock_file().id(), number < 0 ? number : inheritable_copy(number),
                        parent_process_id(), number, from.name()};
  from.extra(endpoint.index()).pid.store(process_id(), std::memory_order_relaxed);
  return text_of(
      {endpoint.role(), endpoint.index(), endpoint.incarnation(), endpoint.token(), file});
}

void TokenCore::fail(std::string_view why) const noexcept {
  if (producer_) producer_->fail(why);
  if (consumer_) consumer_->close(Leave::give_back);
}

void TokenCore::close() const noexcept {
  if (producer_) producer_->close();
  if (consumer_) consumer_->close(Leave::give_back);
}

}  // namespace detail
}  // namespace iq
