// Items as bytes: which types a queue can carry, and how to teach it another one.
//
// Nothing needs to be written for numbers, enums, std::string, the standard containers,
// std::optional, std::variant, std::pair, std::tuple, std::chrono, std::filesystem::path and plain
// structs of these. Types that are only their own bytes are stored as such and read without a
// copy; the others are encoded, compact, in the machine's byte order. Any other type is taught by a
// specialisation that says how it is written and how it is read:
//
//     template <>
//     struct iq::Codec<Money> {
//       static void encode(const Money& money, iq::Encoder& out) {
//         out(money.cents(), money.currency());
//       }
//       static Money decode(iq::Decoder& in) {
//         const auto cents = in.get<std::int64_t>();
//         return Money(cents, in.get<std::string>());
//       }
//     };
//
// Bit-fields are such a case. A trivially copyable class with private members needs only
// `template <> inline constexpr bool iq::is_shareable<geo::Point> = true;`. Details are at Codec,
// Encoder, Decoder and is_shareable.
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
