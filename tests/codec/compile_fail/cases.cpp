// Types that cannot be items, one per IQ_CASE_name: check.py compiles each and reads the error.
#include <any>
#include <atomic>
#include <functional>
#include <iq/iq.hpp>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#if defined(IQ_CASE_good)
struct Item { int id; std::string name; std::vector<std::string> words; };
#elif defined(IQ_CASE_pointer)
struct Item { int id; int* next; };
#elif defined(IQ_CASE_pointer_in_container)
struct Item { std::vector<int*> all; };
#elif defined(IQ_CASE_pointer_to_function)
struct Item { void (*run)(int); };
#elif defined(IQ_CASE_pointer_to_member)
struct Other { int x; };
struct Item { int Other::*member; };
#elif defined(IQ_CASE_pointer_item)
using Item = int*;
#elif defined(IQ_CASE_text)
struct Item { int id; const char* name; };
#elif defined(IQ_CASE_text_item)
using Item = const char*;
#elif defined(IQ_CASE_unique_ptr)
struct Item { std::unique_ptr<int> value; };
#elif defined(IQ_CASE_shared_ptr)
struct Item { std::vector<std::shared_ptr<int>> values; };
#elif defined(IQ_CASE_string_view)
struct Item { int id; std::string_view name; };
#elif defined(IQ_CASE_span)
struct Item { std::span<const int> values; };
#elif defined(IQ_CASE_reference_wrapper)
struct Item { std::reference_wrapper<int> value; };
#elif defined(IQ_CASE_reference_item)
using Item = int&;
#elif defined(IQ_CASE_reference_member)
struct Item { int id; std::string& name; };
#elif defined(IQ_CASE_const_reference_member)
struct Item { const std::string& name; int id; };
#elif defined(IQ_CASE_const_item)
using Item = const int;
#elif defined(IQ_CASE_function)
struct Item { std::function<void()> run; };
#elif defined(IQ_CASE_any)
using Item = std::vector<std::any>;
#elif defined(IQ_CASE_c_array)
struct Item { int id; char name[16]; };
#elif defined(IQ_CASE_c_array_of_strings)
struct Item { std::string names[2]; };
#elif defined(IQ_CASE_c_array_of_one)
struct Item { int id[1]; };
#elif defined(IQ_CASE_c_array_huge)
struct Item { int id; char page[4096]; };
#elif defined(IQ_CASE_c_array_item)
using Item = int[3];
#elif defined(IQ_CASE_base)
struct Base { int id; };
struct Item : Base { std::string name; };
#elif defined(IQ_CASE_empty_base)
struct Base {};
struct Item : Base { int id; };
#elif defined(IQ_CASE_union)
union Number { int i; float f; };
struct Item { bool is_int; Number number; };
#elif defined(IQ_CASE_recursive)
struct Item { int id; std::vector<Item> children; };
#elif defined(IQ_CASE_atomic)
struct Item { std::atomic<int> count; };
#elif defined(IQ_CASE_mutex)
struct Item { std::mutex lock; int value; };
#elif defined(IQ_CASE_private_members)
class Item {
 public:
  explicit Item(std::string name) : name_(std::move(name)) {}
 private:
  std::string name_;
};
#elif defined(IQ_CASE_private_trivial_members)
class Point {
 public:
  explicit Point(int x) : x_(x) {}
 private:
  int x_;
};
struct Item { Point at; };
#elif defined(IQ_CASE_virtual)
struct Item { virtual ~Item() = default; int id; };
#elif defined(IQ_CASE_lambda)
inline auto shout = [](int x) { return x + 1; };
using Item = decltype(shout);
#elif defined(IQ_CASE_too_many)
struct Ten { int a, b, c, d, e, f, g, h, i, j; };
#define IQ_TEN(p) int p##0, p##1, p##2, p##3, p##4, p##5, p##6, p##7, p##8, p##9;
struct Item {
  IQ_TEN(a) IQ_TEN(b) IQ_TEN(c) IQ_TEN(d) IQ_TEN(e) IQ_TEN(f) IQ_TEN(g) IQ_TEN(h) IQ_TEN(i)
  IQ_TEN(j) int one_more;
};
#elif defined(IQ_CASE_bad_shareable)
struct Item { std::string name; };
template <>
inline constexpr bool iq::is_shareable<Item> = true;
#elif defined(IQ_CASE_bad_codec)
class Item {
  int hidden_ = 0;
};
template <>
struct iq::Codec<Item> {
  static void encode(const Item&, iq::Encoder&) {}
};
#elif defined(IQ_CASE_nested_deep)
struct Inner { std::map<std::string, std::vector<std::optional<std::string_view>>> deep; };
struct Item { std::vector<Inner> all; };
#elif defined(IQ_CASE_get_of_pointer)
struct Item { int id; };
inline int* got(iq::Decoder& in) { return in.get<int*>(); }
#elif defined(IQ_CASE_view_of_strings)
struct Item { iq::ArrayView<std::string> names; };
inline Item got(iq::Decoder& in) { return in.get<Item>(); }
#elif defined(IQ_CASE_view_of_bools)
struct Item { iq::ArrayView<bool> flags; };
inline Item got(iq::Decoder& in) { return in.get<Item>(); }
#elif defined(IQ_CASE_view_of_aligned)
struct alignas(16) Wide { std::uint64_t words[2]; };
template <>
inline constexpr bool iq::is_shareable<Wide> = true;
using Item = iq::ArrayView<Wide>;
inline Item got(iq::Decoder& in) { return in.get<Item>(); }
#elif defined(IQ_CASE_view_of_pointers)
struct Item { iq::ArrayView<int*> all; };
#elif defined(IQ_CASE_view_in_closable_queue)
using Item = iq::TextView;
inline iq::ClosableQueue<std::vector<Item>> made() { return {}; }
#elif defined(IQ_CASE_view_parked)
struct Item { int id; iq::ArrayView<float> values; };
inline std::size_t parked(const iq::IterableQueue<Item>& queue) { return queue.parked().size(); }
#endif

constexpr bool kUsed = iq::detail::Payload<Item>::kInPlace;
