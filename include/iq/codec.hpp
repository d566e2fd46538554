// Items as bytes: which types a queue can carry, and how to teach it another one.
//
// Nothing needs to be written for numbers, enums, std::string, the standard containers,
// std::optional, std::variant, std::pair, std::tuple, std::chrono, std::filesystem::path and plain
// structs of these. Types that are only their own bytes are stored as such and read without a
// copy; the others are encoded, compact, in the machine's byte order.
#pragma once

#include "iq/detail/codec_bytes.hpp"
#include "iq/detail/codec_containers.hpp"
#include "iq/detail/codec_payload.hpp"
#include "iq/detail/codec_standard.hpp"
#include "iq/detail/codec_values.hpp"
#include "iq/detail/type_explain.hpp"
#include "iq/detail/type_fingerprint.hpp"
#include "iq/detail/type_storage.hpp"
#include "iq/detail/type_verdict.hpp"

namespace iq {

template <class... T>
void Encoder::operator()(const T&... values) {
  (detail::ExplanationOf<T>(), ...);
  if constexpr ((Encodable<T> && ...)) (detail::encode_value(values, *this), ...);
}

template <class T>
T Decoder::get() {
  detail::ExplanationOf<T>();
  if constexpr (Encodable<T>) return detail::decode_value<T>(*this);
}

}  // namespace iq
