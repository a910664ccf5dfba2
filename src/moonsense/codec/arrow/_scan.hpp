// Lines of NDJSON to columns of numbers, without a document in between.
//
// A session is nearly all items of motion sensors, and a line of it looks like
//
//   {"bundle":{"accelerometer_data":[{"determined_at":"1659637204822","x":0.1,"y":-0.2},...],
//    "client_time":{...},"index":7},"session_id":"..."}
//
// as the service and this package write it: no spaces, names in the order of the
// schema, zeros left out. Just that is read here, once from left to right; a list
// that nobody wants is passed over at the speed of a search for its closing bracket,
// or text by text where its items have texts. At the first thing that looks
// otherwise, valid or not, `scan` gives None, and the exact reader decides: so
// nothing is guessed, and what is wrong is said in its words. Only of what nobody
// wants it may stay unseen.
//
// Numbers are rounded correctly, so they equal those of Python's `float`.

#pragma once

#include <algorithm>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#if !defined(__cpp_lib_to_chars)
#error "needs std::from_chars for double"
#endif

namespace scan {

using std::string_view;

// Something looks otherwise than it is read here.
struct Odd {};

enum class Kind { Wide, Int, Float, Double };

struct Field {
    std::string head;  // its name as it stands before the value, with the quote of a number in quotes
    Kind kind;
    bool wanted;
    std::vector<std::uint64_t> values;  // in the first bytes of each

    template <class T> void add(T value) {
        if (!wanted) return;
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, &value, sizeof value);
        values.push_back(bytes);
    }

    void add_zero() { add(std::uint64_t{0}); }

    std::size_t width() const { return kind == Kind::Wide || kind == Kind::Double ? 8 : 4; }
};

// What is to be done with a list: see scan.py.
enum class Use { Skip, Columns, Text, Keep };

struct List {
    std::string name;
    Use use;
    bool has_texts;  // in its items, and so maybe a bracket in one
    std::vector<Field> fields;
    std::vector<std::int64_t> counts;   // of items, one a line
    std::vector<string_view> texts;     // of the items, one a line
};

struct Wanted {
    std::vector<List> lists;           // every field of the bundle that is one
    std::vector<std::string> singles;  // the fields that are one reading
    bool rests;                        // the lines without the items of lists
};

// What is around the lists.
struct Result {
    std::vector<std::int64_t> envelopes;  // index, wall, timer and realtime clock of each line
    std::vector<std::int32_t> sessions;   // of each line, its place in `ids`
    std::vector<std::string> ids;
    std::unordered_map<std::string, std::int32_t> known;
    std::vector<std::string> rests;
    std::deque<std::string> unended;      // last lines that had no newline, where others point into
};

// So many decimal digits fit into a double, unless the processor calculates with more bits than it stores.
constexpr std::ptrdiff_t EXACT_DIGITS = FLT_EVAL_METHOD == 0 ? 15 : 0;
constexpr double POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

// Goes behind the digits that follow, and appends them to a number; of more than 19 the first are lost.
inline void take_digits(const char *&at, const char *end, std::uint64_t &number) {
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    // Eight at a time: one by one, how many there are is guessed wrong at the end of nearly every number.
    constexpr std::uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    while (end - at >= 8) {
        std::uint64_t word;  // the first digit in the lowest byte
        std::memcpy(&word, at, 8);
        word ^= 0x3030303030303030;
        std::uint64_t others = ((word + 0x7676767676767676) | word) & 0x8080808080808080;
        int count = others == 0 ? 8 : __builtin_ctzll(others) >> 3;
        if (count == 0) return;
        word <<= 64 - 8 * count;  // with zeros before them, they are eight
        word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FF;
        word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFF;
        word = (word * 10000 + (word >> 32)) & 0x00000000FFFFFFFF;
        number = number * powers[count] + word;
        at += count;
        if (count < 8) return;
    }
#endif
    while (is_digit(*at)) number = 10 * number + (*at++ - '0');
}

inline bool is_word(char c) {
    return is_digit(c) || c == '-' || c == '_' || static_cast<unsigned char>((c | 0x20) - 'a') < 26;
}

inline const char *behind_blanks(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\r' || *at == '\t')) ++at;
    return at;
}

class Line {
  public:
    // At `end` there is a newline or a zero, so one letter may be looked at
    // without asking whether it is there.
    Line(const char *begin, const char *end, string_view source, Wanted &wanted, Result &result)
        : at_(begin), kept_(begin), end_(end), source_(source), wanted_(wanted), lists_(wanted.lists),
          result_(result) {}

    void read() {
        need("{\"bundle\":{");
        for (auto &list : lists_) {
            if (list.use == Use::Columns) list.counts.push_back(0);
            if (list.use == Use::Text) list.texts.emplace_back();
        }
        do member();
        while (comes(","));
        need("},");
        if (comes("\"app_id\":")) word(), need(",");
        if (comes("\"credential_id\":")) word(), need(",");
        need("\"session_id\":");
        auto session = word();
        if (comes(",\"server_time_millis\":\"")) integer<std::int64_t>(), need("\"");
        need("}");
        if (behind_blanks(at_, end_) != end_) throw Odd();
        result_.envelopes.insert(result_.envelopes.end(), {index_, wall_, timer_, realtime_});
        result_.sessions.push_back(code(session.empty() ? source_ : session));
        if (wanted_.rests) result_.rests.push_back(rest_.append(kept_, end_));
    }

  private:
    const char *at_, *kept_, *end_;
    string_view source_;
    Wanted &wanted_;
    std::vector<List> &lists_;
    Result &result_;
    std::string rest_;
    std::int64_t index_ = 0, wall_ = 0, timer_ = 0, realtime_ = 0;
    std::size_t next_ = 0;      // the list that is expected
    std::uint64_t seen_ = 0;    // lists, by their number
    bool timed_ = false, numbered_ = false;

    bool comes(string_view text) {
        if (static_cast<std::size_t>(end_ - at_) < text.size()) return false;
        if (std::memcmp(at_, text.data(), text.size()) != 0) return false;
        at_ += text.size();
        return true;
    }

    void need(string_view text) {
        if (!comes(text)) throw Odd();
    }

    // Goes behind the next such letter; gives what is before it.
    string_view until(char letter) {
        auto found = static_cast<const char *>(std::memchr(at_, letter, end_ - at_));
        if (found == nullptr) throw Odd();
        string_view before(at_, found - at_);
        at_ = found + 1;
        return before;
    }

    // A text in quotes of letters, digits, - and _.
    string_view word() {
        need("\"");
        const char *begin = at_;
        while (is_word(*at_)) ++at_;
        string_view text(begin, at_ - begin);
        need("\"");
        return text;
    }

    // A whole number without needless zeros.
    template <class T> T integer() {
        const char *digits = at_ + (*at_ == '-');
        if (*digits == '0' && (digits != at_ || is_digit(digits[1]))) throw Odd();
        std::uint64_t size = 0;
        const char *stop = digits;
        take_digits(stop, end_, size);
        if (stop != digits && stop - digits <= std::numeric_limits<T>::digits10) {
            T value = static_cast<T>(size);
            if (digits != at_) value = -value;
            at_ = stop;
            return value;
        }
        T value;
        auto [behind, error] = std::from_chars(at_, end_, value);
        if (error != std::errc()) throw Odd();
        at_ = behind;
        return value;
    }

    // A number as JSON has it; from_chars takes more, and what that is is looked for.
    double number(double most) {
        const char *begin = at_ + (*at_ == '-'), *behind = begin;
        if (!is_digit(*begin) || (*begin == '0' && is_digit(begin[1]))) throw Odd();
        std::uint64_t digits = 0;
        while (is_digit(*behind)) digits = 10 * digits + (*behind++ - '0');
        std::ptrdiff_t count = behind - begin, decimals = 0;
        if (*behind == '.') {
            const char *point = behind++;
            take_digits(behind, end_, digits);
            decimals = behind - point - 1;
            if (decimals == 0) throw Odd();
        }
        double value;
        if (count + decimals <= EXACT_DIGITS && (*behind | 0x20) != 'e') {
            // Both are exact, so their quotient is rounded once.
            value = static_cast<double>(digits) / POWERS[decimals];
            // As a whole number, zero has no sign.
            if (begin != at_ && (digits != 0 || decimals != 0)) value = -value;
        } else {
            auto found = std::from_chars(at_, end_, value);
            if (found.ec != std::errc()) throw Odd();
            behind = found.ptr;
        }
        if (!(std::fabs(value) <= most)) throw Odd();
        at_ = behind;
        return value;
    }

    void member() {
        need("\"");
        auto name = until('"');
        need(":");
        if (comes("[")) {
            list(name);
        } else if (name == "client_time") {
            if (timed_) throw Odd();
            timed_ = true;
            clock();
        } else if (name == "index") {
            if (numbered_) throw Odd();
            numbered_ = true;
            index_ = integer<std::int32_t>();
        } else if (name == "is_final_bundle") {
            need("true");
        } else {
            // One reading, of numbers and names.
            if (std::find(wanted_.singles.begin(), wanted_.singles.end(), name) == wanted_.singles.end()) throw Odd();
            need("{");
            if (until('}').find('{') != string_view::npos) throw Odd();
        }
    }

    void clock() {
        need("{\"wall_time_millis\":\"");
        wall_ = integer<std::int64_t>();
        need("\"");
        if (comes(",\"timer_millis\":\"")) timer_ = integer<std::int64_t>(), need("\"");
        if (comes(",\"timer_realtime_millis\":\"")) realtime_ = integer<std::int64_t>(), need("\"");
        need("}");
    }

    void list(string_view name) {
        std::size_t tried = 0;
        while (lists_[next_].name != name) {
            if (++tried == lists_.size()) throw Odd();  // of a newer schema
            next_ = (next_ + 1) % lists_.size();
        }
        if (seen_ >> next_ & 1) throw Odd();
        seen_ |= std::uint64_t{1} << next_;
        auto &list = lists_[next_];
        next_ = (next_ + 1) % lists_.size();
        const char *begin = at_;
        if (list.use == Use::Columns) {
            if (!comes("]")) list.counts.back() = items(list);
        } else {
            auto text = list.has_texts ? text_by_text() : until(']');
            if (list.use == Use::Text) list.texts.back() = text;
        }
        if (wanted_.rests && list.use != Use::Keep) {
            rest_.append(kept_, begin);
            kept_ = at_ - 1;
        }
    }

    // Goes behind the next closing bracket that is in no text; gives what is before it.
    string_view text_by_text() {
        for (const char *begin = at_; at_ < end_; ++at_) {
            if (*at_ == ']') {
                ++at_;
                return {begin, static_cast<std::size_t>(at_ - 1 - begin)};
            }
            if (*at_ == '"')
                while (++at_ < end_ && *at_ != '"') at_ += *at_ == '\\';
        }
        throw Odd();
    }

    std::int64_t items(List &list) {
        std::int64_t count = 0;
        do {
            need("{");
            item(list);
            ++count;
        } while (comes(","));
        need("]");
        return count;
    }

    void item(List &list) {
        // Names come in their order, so none comes twice, and one that is left out is a zero.
        auto field = list.fields.begin(), last = list.fields.end();
        if (*at_ != '}') {
            do {
                while (field != last && !comes(field->head)) field++->add_zero();
                if (field == last) throw Odd();
                value(*field++);
            } while (comes(","));
        }
        while (field != last) field++->add_zero();
        need("}");
    }

    void value(Field &field) {
        switch (field.kind) {
        case Kind::Wide:
            field.add(integer<std::int64_t>());
            need("\"");
            break;
        case Kind::Int:
            field.add(integer<std::int32_t>());
            break;
        case Kind::Float:
            field.add(static_cast<float>(number(std::numeric_limits<float>::max())));
            break;
        case Kind::Double:
            field.add(number(std::numeric_limits<double>::max()));
        }
    }

    std::int32_t code(string_view session) {
        auto &ids = result_.ids;
        if (!result_.sessions.empty() && ids[result_.sessions.back()] == session) return result_.sessions.back();
        auto [known, is_new] = result_.known.try_emplace(std::string(session), static_cast<std::int32_t>(ids.size()));
        if (is_new) ids.emplace_back(session);
        return known->second;
    }
};

// Gives how many lines there are. Raises Odd at the first that is not as described. Blank lines are not read.
inline std::int64_t read_lines(string_view text, string_view source, Wanted &wanted, Result &result) {
    const char *at = text.data(), *end = at + text.size();
    std::int64_t count = 0;
    for (; at < end; ++count) {
        auto stop = static_cast<const char *>(std::memchr(at, '\n', end - at));
        if (stop == nullptr) {
            auto &last = result.unended.emplace_back(at, end);
            at = last.data();
            end = stop = at + last.size();
        }
        at = behind_blanks(at, stop);
        if (at < stop) Line(at, stop, source, wanted, result).read();
        at = stop + 1;
    }
    return count;
}

}  // namespace scan
