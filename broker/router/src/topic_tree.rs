//! Topic to value, asked by filter: the reverse index of MQTT 4.7, for retained messages. It must not interpret values.
//!
//! It is one ordered map. `/` is kept as U+0000, which no topic contains [MQTT-4.7.3-2] and which sorts before
//! every character, so topics with the same leading levels stand together: `#` is a range, `+` steps from one
//! level to the next by searching behind it. Cost grows with what matches at each level, times the logarithm.

use std::collections::BTreeMap;
use std::ops::Bound;

const SEPARATOR: char = '\0';
/// Sorts behind everything below a level and before every longer level.
const BEHIND: char = '\u{1}';
/// Sorts behind every topic that starts with `$`.
const BEHIND_DOLLAR: &str = "%";

/// Topic name to `V`, ordered level by level.
#[derive(Debug, Clone)]
pub struct TopicTree<V> {
    topics: BTreeMap<Box<str>, V>,
}

impl<V> Default for TopicTree<V> {
    fn default() -> Self {
        Self {
            topics: BTreeMap::new(),
        }
    }
}

impl<V> TopicTree<V> {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `value` at `topic`, a valid topic name; returns what was there.
    pub fn insert(&mut self, topic: &str, value: V) -> Option<V> {
        self.topics.insert(key(topic).into_boxed_str(), value)
    }

    /// Takes `topic` out; returns its value.
    pub fn remove(&mut self, topic: &str) -> Option<V> {
        self.topics.remove(key(topic).as_str())
    }

    /// The value at `topic`.
    pub fn get(&self, topic: &str) -> Option<&V> {
        self.topics.get(key(topic).as_str())
    }

    /// The value at `topic`, to be changed.
    pub fn get_mut(&mut self, topic: &str) -> Option<&mut V> {
        self.topics.get_mut(key(topic).as_str())
    }

    /// Topics in it.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// No topic in it.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Calls `visit` for each topic, ordered level by level.
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(&str, &'a V)) {
        self.topics
            .iter()
            .for_each(|(key, value)| visit(&name(key), value));
    }

    /// Calls `visit` for each topic that matches `filter` (valid, without a `$share` prefix), ordered level by
    /// level. A filter that starts with a wildcard does not see topics that start with `$` [MQTT-4.7.2-1].
    pub fn matching<'a>(&'a self, filter: &str, mut visit: impl FnMut(&str, &'a V)) {
        let levels: Vec<&str> = filter.split('/').collect();
        // Where to look on; the place to look at first is last. A step over `+` comes back with its cursor moved.
        let mut open = vec![Place {
            prefix: String::new(),
            depth: 0,
            cursor: None,
        }];
        while let Some(Place {
            prefix,
            depth,
            cursor,
        }) = open.pop()
        {
            let path = match levels[depth] {
                "#" => {
                    self.report_below(&prefix, &mut visit);
                    continue;
                }
                "+" => {
                    let Some(path) = self.next_child(&prefix, cursor.as_deref().unwrap_or(&prefix))
                    else {
                        continue;
                    };
                    let mut cursor = path.clone();
                    cursor.push(BEHIND);
                    open.push(Place {
                        prefix,
                        depth,
                        cursor: Some(cursor),
                    });
                    path
                }
                literal => prefix + literal,
            };
            let below = &levels[depth + 1..];
            // `a/#` matches `a` as well (4.7.1.2).
            if (below.is_empty() || below == ["#"])
                && let Some(value) = self.topics.get(path.as_str())
            {
                visit(&name(&path), value);
            }
            if !below.is_empty() {
                let mut prefix = path;
                prefix.push(SEPARATOR);
                open.push(Place {
                    prefix,
                    depth: depth + 1,
                    cursor: None,
                });
            }
        }
    }

    fn report_below<'a>(&'a self, prefix: &str, visit: &mut impl FnMut(&str, &'a V)) {
        for (key, value) in self
            .range(prefix)
            .take_while(|(key, _)| key.starts_with(prefix))
        {
            if !(prefix.is_empty() && key.starts_with('$')) {
                visit(&name(key), value);
            }
        }
    }

    /// The first path one level below `prefix` that is not before `cursor`.
    fn next_child(&self, prefix: &str, cursor: &str) -> Option<String> {
        let mut key = self.range(cursor).next()?.0;
        if prefix.is_empty() && key.starts_with('$') {
            key = self.range(BEHIND_DOLLAR).next()?.0;
        }
        let level = key.strip_prefix(prefix)?.split(SEPARATOR).next()?;
        Some(key[..prefix.len() + level.len()].to_owned())
    }

    fn range(&self, from: &str) -> impl Iterator<Item = (&Box<str>, &V)> {
        self.topics
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
    }
}

struct Place {
    /// Ends with a separator unless empty.
    prefix: String,
    /// Which level of the filter comes next.
    depth: usize,
    /// For `+`: where to go on.
    cursor: Option<String>,
}

fn key(topic: &str) -> String {
    topic.replace('/', "\0")
}

fn name(key: &str) -> String {
    key.replace(SEPARATOR, "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(tree: &TopicTree<u32>, filter: &str) -> Vec<String> {
        let mut found = Vec::new();
        tree.matching(filter, |topic, _| found.push(topic.to_owned()));
        found
    }

    #[test]
    fn topics_come_level_by_level_and_dollar_topics_hide_from_leading_wildcards() {
        let mut tree = TopicTree::new();
        for topic in ["b", "a!", "a/b/c", "a", "$SYS/x", "a/", "a/b", "#x", "/"] {
            assert_eq!(tree.insert(topic, 1), None);
        }
        assert_eq!(
            matching(&tree, "#"),
            ["/", "#x", "a", "a/", "a/b", "a/b/c", "a!", "b"]
        );
        assert_eq!(matching(&tree, "+"), ["#x", "a", "a!", "b"]);
        assert_eq!(
            matching(&tree, "+/#"),
            ["/", "#x", "a", "a/", "a/b", "a/b/c", "a!", "b"]
        );
        assert_eq!(matching(&tree, "a/#"), ["a", "a/", "a/b", "a/b/c"]);
        assert_eq!(matching(&tree, "a/+"), ["a/", "a/b"]);
        assert_eq!(matching(&tree, "+/b/+"), ["a/b/c"]);
        assert_eq!(matching(&tree, "$SYS/#"), ["$SYS/x"]);
        assert_eq!(matching(&tree, "+/x"), Vec::<String>::new());
        assert_eq!(tree.remove("a/b"), Some(1));
        assert_eq!(tree.get("a/b"), None);
        assert_eq!(tree.len(), 8);
    }
}
