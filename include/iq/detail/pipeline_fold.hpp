// The stages that need all items before they give anything: fold and sort.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "iq/detail/pipeline_ends.hpp"
#include "iq/detail/pipeline_queue.hpp"
#include "iq/detail/pipeline_shape.hpp"
#include "iq/detail/pipeline_stage.hpp"
#include "iq/pipeline_options.hpp"

namespace iq::detail {

/// Calls `use(item)` for each item that comes, and notes where it is.
template <class T, class WireIn, class Use>
void for_each_item(WorkerLine& line, Consumer<WireIn>& in, Use use) {
  for (const WireIn& wire : in) {
    if constexpr (kIsNumbered<WireIn>) {
      line.begin(wire.number());
      wire.is_gap() ? line.count(line.gaps) : use(wire.value());
    } else {
      line.begin(place_in_lane(in.item_id()));
      use(wire);
    }
  }
  line.item.store(0, std::memory_order_relaxed);
}

/// Refuses several workers of a fold whose function cannot put two partial results together.
[[noreturn]] IQ_API void refuse_fold(const std::string& name, bool has_combine);

/// Each worker folds what it gets and puts one partial result, at the end; the caller folds those.
/// A single one begins with the start value; of several each begins with its first item, or with a
/// neutral value, and the start value is left to the caller.
template <class T, class Acc, class F>
class FoldNode final : public PipeNode {
  static constexpr bool kFoldsPartials =
      std::convertible_to<const T&, Acc> && std::is_invocable_r_v<Acc, F&, Acc, Acc>;

 public:
  FoldNode(F function, Acc first, FoldOptions<Acc> options)
      : function_(std::move(function)),
        first_(std::move(first)),
        combine_(std::move(options.combine)) {
    traits.name = options.name.empty() ? "fold" : options.name;
    traits.workers = options.workers;
    traits.bytes_per_worker = options.bytes_per_worker;
    traits.has_state = true;
    traits.shares_state = !std::copy_constructible<F> && !std::invocable<const F&, Acc, const T&>;
    traits.reads_numbers = true;
    if (traits.workers <= 1) return;
    const bool is_neutral_there = std::default_initializable<Acc>;
    if (combine_ ? !is_neutral_there : !kFoldsPartials) {
      refuse_fold(traits.name, static_cast<bool>(combine_));
    }
  }

  std::shared_ptr<PipeQueue> make_output(bool, const Options& options) const override {
    return std::make_shared<TypedQueue<Acc>>(options);
  }
  void launch(const StagePlace& place) override {
    place.in->is_numbered ? launch_as<true>(place) : launch_as<false>(place);
  }

  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    const auto partial = std::make_shared<std::optional<Acc>>(beginning());
    return make_inline_step<T>(
        stage, next,
        [this, partial](const T& item, std::uint64_t) { add(function_, *partial, item); },
        [partial, next] {
          if (*partial) sink_of<Acc>(next).put(**partial, 0);
        });
  }

  /// The caller's part.
  template <class Next>
  Acc finish(Next next) {
    std::optional<Acc> partial;
    if (is_single()) {
      next(partial);
      Acc result = *std::move(partial);
      while (next(partial)) {
      }
      return result;
    }
    Acc result = std::move(first_);
    while (next(partial)) {
      if (combine_)
        result = combine_(std::move(result), *std::move(partial));
      else if constexpr (kFoldsPartials)
        result = function_(std::move(result), *std::move(partial));
    }
    return result;
  }

 private:
  bool is_single() const noexcept { return traits.workers == 1; }

  template <bool kIn>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<T, kIn>;
    const auto body = [this, place](Consumer<WireIn>& in, Producer<Acc>& out, int worker) {
      with_own_copy(function_, place.launcher->in_threads(), [&](F& function) {
        std::optional<Acc> partial = beginning();
        for_each_item<T>(place.lines[worker], in,
                         [&](const T& item) { add(function, partial, item); });
        require_not_ending(*place.ending);
        if (partial) out.put(*partial);
      });
    };
    launch_workers<Consumer<WireIn>, Producer<Acc>>(place, traits, body, PipeEnd<WireIn>(*place.in),
                                                    PipeEnd<Acc>(*place.out));
  }

  std::optional<Acc> beginning() const {
    if (is_single()) return first_;
    if constexpr (std::default_initializable<Acc>) {
      if (combine_) return Acc{};
    }
    return std::nullopt;
  }

  static void add(F& function, std::optional<Acc>& partial, const T& item) {
    if (partial) {
      partial = function(*std::move(partial), item);
    } else if constexpr (std::convertible_to<const T&, Acc>) {
      partial.emplace(static_cast<Acc>(item));
    }
  }

  F function_;
  Acc first_;
  std::function<Acc(Acc, Acc)> combine_;
};

/// In which order `items` are sorted; equal ones as they came. Not std::stable_sort, whose buffer
/// newer compilers call deprecated.
template <class T, class Less>
std::vector<std::size_t> sorted(const std::vector<T>& items, Less& less) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (less(items[a], items[b])) return true;
    return !less(items[b], items[a]) && a < b;
  });
  return order;
}

/// One worker that keeps everything, and gives it in order.
template <class T, class Less>
class SortNode final : public PipeNode {
 public:
  SortNode(Less less, const SortOptions<T>& options) : less_(std::move(less)) {
    traits.name = options.name.empty() ? "sort" : options.name;
    describe_ends(*this, options);
    traits.has_state = true;
    traits.reads_numbers = true;
    traits.writes_numbers = true;
    traits.gives_order = true;
  }

  std::shared_ptr<PipeQueue> make_output(bool numbered, const Options& options) const override {
    if (numbered) return std::make_shared<TypedQueue<Wire<T, true>>>(options);
    return std::make_shared<TypedQueue<T>>(options);
  }

  InlineNext make_inline(const InlineStage& stage, const InlineNext& next) override {
    const auto all = std::make_shared<std::vector<T>>();
    return make_inline_step<T>(
        stage, next, [all](const T& item, std::uint64_t) { all->push_back(item); },
        [this, all, next] {
          std::uint64_t number = 0;
          for (const std::size_t at : sorted(*all, less_)) {
            sink_of<T>(next).put((*all)[at], number++);
          }
        });
  }

  void launch(const StagePlace& place) override {
    if (place.in->is_numbered) {
      place.out->is_numbered ? launch_as<true, true>(place) : launch_as<true, false>(place);
    } else {
      place.out->is_numbered ? launch_as<false, true>(place) : launch_as<false, false>(place);
    }
  }

 private:
  template <bool kIn, bool kOut>
  void launch_as(const StagePlace& place) {
    using WireIn = Wire<T, kIn>;
    using WireOut = Wire<T, kOut>;
    const auto body = [this, place](Consumer<WireIn>& in, Producer<WireOut>& out, int) {
      std::vector<T> all;
      for_each_item<T>(*place.lines, in, [&](const T& item) { all.push_back(item); });
      require_not_ending(*place.ending);
      std::uint64_t number = 0;
      for (const std::size_t at : sorted(all, less_)) {
        if (place.enters != nullptr && !place.enters->await(number)) return;
        if (!put_numbered(out, number++, std::move(all[at]))) return;
      }
    };
    launch_workers<Consumer<WireIn>, Producer<WireOut>>(
        place, traits, body, PipeEnd<WireIn>(*place.in), PipeEnd<WireOut>(*place.out));
  }

  Less less_;
};

}  // namespace iq::detail
