// Endpoints for other processes: tokens for exec(), adopt() after a fork of one's own; and dup().
#pragma once

#include <memory>
#include <string_view>

#include "iq/detail/api.hpp"
#include "iq/codec.hpp"
#include "iq/consumer.hpp"
#include "iq/detail/queue_core.hpp"
#include "iq/producer.hpp"

namespace iq {

namespace detail {
class TokenCore;
struct TokenAccess;
}  // namespace detail

/// An endpoint for a program that WorkerGroup::exec starts. Obtained from
/// IterableQueue<T>::producer_token() or consumer_token(), and counted from then on.
///
/// The program gets it as an argument, a text: `iq::Producer<Job>::from_token(argv[argc - 1])`.
/// The text is for that one process and for one use of it. What becomes of an endpoint whose
/// program is not found, ends before it uses the token, or never does: a producer has failed, a
/// consumer is closed, and join() says so.
///
/// Threads:   one at a time. Processes: only where it was made.
class IQ_API Token {
 public:
  /// Takes over the endpoint. `other` is empty, as after exec().
  Token(Token&& other) noexcept;
  /// As the destructor, then as the constructor.
  Token& operator=(Token&& other) noexcept;
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  /// A token that was not given to exec() closes its endpoint.
  ~Token();

 private:
  friend struct detail::TokenAccess;
  explicit Token(std::unique_ptr<detail::TokenCore> core) noexcept;
  std::unique_ptr<detail::TokenCore> core_;
};

namespace detail {

/// What the segment is told about T.
template <class T>
ItemType item_type() {
  constexpr TypeFingerprint print = type_fingerprint<T>();
  return {print.name,      print.layout,        print.size,
          print.alignment, print.codec_version, print.in_place};
}

/// The core's side of tokens.
struct IQ_API TokenAccess {
  static Token make(ProducerHandle core);
  static Token make(ConsumerHandle core);
  static ProducerHandle use_for_producer(std::string_view text, const ItemType& type);
  static ConsumerHandle use_for_consumer(std::string_view text, const ItemType& type);
  /// Null once it was given to exec().
  static std::unique_ptr<TokenCore> take(Token& token) noexcept;
};

}  // namespace detail

template <class T>
Producer<T> Producer<T>::from_token(std::string_view text) {
  return Producer(detail::TokenAccess::use_for_producer(text, detail::item_type<T>()));
}
template <class T>
Producer<T> Producer<T>::dup() {
  return Producer(detail::EndpointTransfer::dup(core()));
}
template <class T>
void Producer<T>::adopt() {
  detail::EndpointTransfer::adopt_from_parent(core());
}
template <class T>
void Producer<T>::surrender() {
  detail::EndpointTransfer::surrender_to_child(core());
}

template <class T>
Consumer<T> Consumer<T>::from_token(std::string_view text) {
  return Consumer(detail::TokenAccess::use_for_consumer(text, detail::item_type<T>()));
}
template <class T>
Consumer<T> Consumer<T>::dup() {
  return Consumer(detail::EndpointTransfer::dup(core()));
}
template <class T>
void Consumer<T>::adopt() {
  detail::EndpointTransfer::adopt_from_parent(core());
  value_.reset();
}
template <class T>
void Consumer<T>::surrender() {
  detail::EndpointTransfer::surrender_to_child(core());
}

}  // namespace iq
