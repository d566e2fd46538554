// Item by item, in the order of the history. Per item at most one holder is open; whoever follows
// it must find it dead or must have been given the item by it, and a life that lost an item by
// death writes nothing after that. What a death took before it was written down shows as a count of
// deliveries that is one too high: at most one item per death.
#include "stress/verdict.hpp"

#include <algorithm>

#include "stress/verdict_records.hpp"

namespace storm {
namespace {

constexpr std::size_t kMostComplaints = 12;

class Judge {
 public:
  Judge(std::span<const Event> history, const Rules& rules) : history_(history), rules_(rules) {}

  Verdict run() {
    meet_everybody();
    for (at_ = 0; at_ < history_.size(); ++at_) read(history_[at_]);
    finish();
    return std::move(verdict_);
  }

 private:
  void complain(const std::string& what, std::uint32_t item) {
    ++verdict_.complaint_count;
    if (verdict_.complaints.size() >= kMostComplaints) return;
    verdict_.complaints.push_back("item " + std::to_string(item) + ", at " + std::to_string(at_) +
                                  ": " + what);
  }
  static std::string life(std::uint32_t who) { return "life " + std::to_string(who); }

  void meet_everybody() {
    std::uint32_t lives = 0, items = 0;
    for (const Event& event : history_) {
      lives = std::max(lives, event.who + 1);
      items = std::max(
          items,
          event.item + (event.kind == Kind::drew ? static_cast<std::uint32_t>(event.tag) : 1));
    }
    lives_.resize(lives);
    items_.resize(items);
    for (std::uint64_t at = 0; at < history_.size(); ++at) {
      const Event& event = history_[at];
      LifeRecord& life = lives_[event.who];
      if (event.kind == Kind::died) life.died = true;
      if (event.kind != Kind::died && event.kind != Kind::none) life.last = at;
    }
  }

  void read(const Event& event) {
    ItemRecord& item = items_[event.item];
    switch (event.kind) {
      case Kind::none: break;
      case Kind::drew: draw(event); break;
      case Kind::returned:
        item.returned = true;
        ++verdict_.returned;
        break;
      case Kind::delivered: deliver(event, item); break;
      case Kind::finishing:
        if (item.held && item.holder == event.who) in_work(item, false);
        break;
      case Kind::acknowledged:
        let_go(event, item, "acknowledged");
        item.done = true;
        ++verdict_.acknowledged;
        break;
      case Kind::giving_back:
        let_go(event, item, "given back");
        ++verdict_.given_back;
        blame(item);
        break;
      case Kind::parked: park(event, item); break;
      case Kind::attaching:
        lives_[event.who].role = static_cast<Role>(event.detail);
        if (lives_[event.who].role == Role::consumer) alone_ = UINT32_MAX;
        [[fallthrough]];
      case Kind::attached:
      case Kind::detaching:
      case Kind::detached:
      case Kind::relaying:
      case Kind::relayed: lives_[event.who].stands = event.kind; break;
      case Kind::ended:
        ++verdict_.ends;
        if (in_work_ != 0) {
          complain(life(event.who) + " was told the end with " + std::to_string(in_work_) +
                       " items in work",
                   0);
        }
        (event.detail != 0 ? told_ : not_told_) = true;
        break;
      case Kind::torn:
        ++verdict_.torn;
        complain("torn, at " + life(event.who), event.item);
        break;
      case Kind::died: break;
      case Kind::alone: alone_ = event.who; break;
    }
  }

  void draw(const Event& event) {
    for (std::uint32_t id = event.item; id < event.item + event.tag; ++id) {
      items_[id].drawn = true;
      items_[id].producer = event.who;
      items_[id].producer_session = event.session;
    }
  }

  void in_work(ItemRecord& item, bool now) {
    in_work_ += now;
    in_work_ -= item.in_work;
    item.in_work = now;
  }

  static void blame(ItemRecord& item) {
    ++item.causes;
    item.least = item.deliveries;
    if (item.holder_detail != kFurther) ++item.least;
  }

  void deliver(const Event& event, ItemRecord& item) {
    ++verdict_.delivered;
    if (!item.drawn) complain("delivered, and nobody put it", event.item);
    if (item.done) complain("delivered after its acknowledgement had returned", event.item);
    if (item.parked) complain("delivered after it was parked", event.item);
    if (verdict_.ends != 0) complain("delivered after somebody was told the end", event.item);
    if (item.held) take_from(item.holder, event, item);
    count(event, item);
    if (rules_.ordered && event.deliveries == 1) look_at_order(event, item);
    item.held = item.ever = true;
    item.holder = event.who;
    item.holder_session = event.session;
    item.holder_detail = event.detail;
    in_work(item, true);
    ++lives_[event.who].in_hand;
  }

  // The former holder must be dead, and must have been when it lost the item.
  void take_from(std::uint32_t holder, const Event& event, ItemRecord& item) {
    const LifeRecord& former = lives_[holder];
    if (!former.died) {
      complain("in the hands of " + life(holder) + ", and delivered to " + life(event.who),
               event.item);
    } else if (former.last > at_) {
      complain("taken from " + life(holder) + ", which lived on", event.item);
    }
    ++verdict_.doubled;
    blame(item);
  }

  void count(const Event& event, ItemRecord& item) {
    if (!rules_.counted) return;
    if (item.tag != 0 && event.tag != 0 && item.tag != event.tag) {
      complain("is in the queue twice", event.item);
    }
    if (event.tag != 0) item.tag = event.tag;
    const unsigned deliveries = event.deliveries;
    if (deliveries == 0 || deliveries > rules_.max_deliveries) {
      complain("was handed out " + std::to_string(deliveries) + " times", event.item);
    }
    if (deliveries < item.least) {
      complain("counts " + std::to_string(deliveries) + " deliveries instead of " +
                   std::to_string(item.least),
               event.item);
    }
    item.deliveries = std::max(item.deliveries, event.deliveries);
  }

  void look_at_order(const Event& event, const ItemRecord& item) {
    const Descent descent = orders_.meet(event, item, items_);
    verdict_.descents += descent.unexplained;
    if (descent.before && alone_ == event.who && item.producer > alone_) {
      complain("comes after item " + std::to_string(*descent.before) + ", to the only consumer",
               event.item);
    }
  }

  void let_go(const Event& event, ItemRecord& item, const char* how) {
    if (!item.held || item.holder != event.who) {
      complain(std::string(how) + " by " + life(event.who) + ", which does not hold it",
               event.item);
      return;
    }
    in_work(item, false);
    item.held = false;
    --lives_[event.who].in_hand;
  }

  void park(const Event& event, ItemRecord& item) {
    ++verdict_.parked;
    if (item.parked) complain("parked twice", event.item);
    if (item.done) complain("parked after its acknowledgement had returned", event.item);
    if (item.held && !lives_[item.holder].died) {
      complain("parked while " + life(item.holder) + " holds it", event.item);
    }
    if (item.tag != 0 && item.tag != event.tag) complain("is in the queue twice", event.item);
    if (event.deliveries != rules_.max_deliveries) {
      complain("parked after " + std::to_string(event.deliveries) + " deliveries", event.item);
    }
    item.parked = true;
    item.deliveries = std::max(item.deliveries, event.deliveries);
    if (item.held) blame(item);
    in_work(item, false);
    item.held = false;
  }

  void finish() {
    std::uint64_t unwritten = 0;
    for (const LifeRecord& life : lives_) {
      if (!life.died) continue;
      const bool registered = life.stands == Kind::attached || life.stands == Kind::relaying ||
                              life.stands == Kind::relayed;
      verdict_.consumer_deaths += registered && life.role == Role::consumer;
      verdict_.producer_deaths += registered && life.role == Role::producer;
      verdict_.holder_deaths += life.in_hand != 0;
      unwritten += life.role == Role::consumer;
      if (life.role != Role::producer || life.stands == Kind::detached) continue;
      maybe_told_ |= rules_.told != Told::of_others || life.stands != Kind::relaying;
      must_tell_ |= registered && rules_.told == Told::of_deaths;
    }
    std::uint64_t unexplained = 0;
    for (std::uint32_t id = 0; id < items_.size(); ++id) unexplained += judge_item(id);
    if (rules_.counted && unexplained > unwritten) {
      complain(std::to_string(unexplained) + " counts without a cause, for " +
                   std::to_string(unwritten) + " deaths",
               0);
    }
    if (rules_.ordered && verdict_.descents > rules_.taken_over + unwritten) {
      complain(std::to_string(verdict_.descents) + " breaks of the order, with " +
                   std::to_string(rules_.taken_over) + " batches taken over and " +
                   std::to_string(unwritten) + " deaths",
               0);
    }
    judge_ends();
  }

  // Returns how many of its counted deliveries nobody has written down.
  std::uint64_t judge_item(std::uint32_t id) {
    const ItemRecord& item = items_[id];
    if (item.returned && !item.ever && !item.parked) {
      ++verdict_.lost;
      complain("lost: its put returned", id);
    }
    if (item.held) {
      judge_held(id, item);
    } else if (item.returned && item.ever && !item.done && !item.parked) {
      ++verdict_.lost;
      complain("lost after it was given back", id);
    }
    const unsigned known = item.causes + (item.parked ? 0U : 1U);
    return item.deliveries > known ? item.deliveries - known : 0;
  }

  // A death may come between an acknowledgement and the note of it: of one item, or of several that
  // were in hand together. Who died before has left the item to others.
  void judge_held(std::uint32_t id, const ItemRecord& item) {
    LifeRecord& holder = lives_[item.holder];
    if (!holder.died) {
      complain("still held by " + life(item.holder), id);
    } else if (item.in_work || (item.holder_detail != kFurther && ++holder.vanished > 1)) {
      ++verdict_.lost;
      complain("lost with " + life(item.holder), id);
    }
  }

  void judge_ends() {
    if (verdict_.ends == 0) complain("nobody was told the end", 0);
    if (told_ && (rules_.told == Told::nothing || !maybe_told_)) {
      complain("somebody was told of a producer's death", 0);
    }
    if (not_told_ && must_tell_) {
      complain("somebody was not told that a producer died", 0);
    }
  }

  std::span<const Event> history_;
  Rules rules_;
  Verdict verdict_;
  std::uint64_t at_ = 0;
  std::vector<LifeRecord> lives_;
  std::vector<ItemRecord> items_;
  Orders orders_;
  std::uint32_t alone_ = UINT32_MAX;
  std::uint64_t in_work_ = 0;  // items in somebody's hands who has not said that it is done
  bool told_ = false, not_told_ = false;
  bool maybe_told_ = false, must_tell_ = false;  // by who died as what
};

}  // namespace

Verdict judge(std::span<const Event> history, const Rules& rules) {
  return Judge(history, rules).run();
}

}  // namespace storm
