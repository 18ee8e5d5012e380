//! The naive reading of MQTT 4.7, and small filters and topics that collide often. Not shared with the crate.

use proptest::prelude::*;

/// Whether `filter` matches `topic`, level by level.
pub(crate) fn naive(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let filter: Vec<&str> = filter.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    let (literal, rest) = match filter.as_slice() {
        [literal @ .., "#"] => (literal, true),
        literal => (literal, false),
    };
    let long_enough = if rest {
        topic.len() >= literal.len()
    } else {
        topic.len() == literal.len()
    };
    long_enough
        && literal
            .iter()
            .zip(&topic)
            .all(|(filter, topic)| *filter == "+" || filter == topic)
}

/// Valid topic names.
pub(crate) fn topics() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(
        prop::sample::select(vec!["a", "b", "", "$x", "ä", "a!"]),
        1..6,
    );
    levels
        .prop_map(|levels| levels.join("/"))
        .prop_filter("a topic has a character", |topic| !topic.is_empty())
}

/// Valid topic filters.
pub(crate) fn filters() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["a", "b", "", "$x", "ä", "a!", "+", "+"]);
    (prop::collection::vec(level, 0..6), any::<bool>())
        .prop_map(|(mut levels, rest)| {
            if rest {
                levels.push("#");
            }
            levels.join("/")
        })
        .prop_filter("a filter has a character", |filter| !filter.is_empty())
}
