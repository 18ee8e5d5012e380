//! [`FilterIndex`] and [`TopicTree`] agree with a naive matcher, in an order that depends only on what is in them.

#[path = "common/matching.rs"]
mod matching;

use std::collections::BTreeMap;

use matching::{filters, naive, topics};
use proptest::prelude::*;
use quorate_router::{FilterIndex, Inserted, Removed, TopicTree};

type Model = BTreeMap<(String, u8), u32>;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn apply(
    index: &mut FilterIndex<u8, u32>,
    model: &mut Model,
    filter: &str,
    key: u8,
    value: Option<u32>,
) {
    let holds = |model: &Model| model.keys().any(|(present, _)| present == filter);
    let before = holds(model);
    match value {
        Some(value) => {
            let replaced = model.insert((filter.to_owned(), key), value);
            assert_eq!(
                index.insert(filter, key, value),
                Inserted {
                    first: !before,
                    replaced
                }
            );
            assert_eq!(index.get(filter, key), Some(&value));
        }
        None => {
            let removed = model.remove(&(filter.to_owned(), key));
            let last = !holds(model);
            assert_eq!(
                index.remove(filter, key),
                removed.map(|value| Removed { value, last })
            );
            assert_eq!(index.get(filter, key), None);
        }
    }
    assert_eq!(index.len(), model.len());
}

fn matches(index: &FilterIndex<u8, u32>, topic: &str) -> Vec<(u8, u32)> {
    let mut found = Vec::new();
    index.matches(topic, |key, value| found.push((*key, *value)));
    found
}

fn contents(index: &FilterIndex<u8, u32>) -> Vec<(String, u8, u32)> {
    let mut all = Vec::new();
    index.for_each(|filter, key, value| all.push((filter.to_owned(), *key, *value)));
    all
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn filter_index_equals_naive_matcher(
        changes in prop::collection::vec((filters(), 0u8..5, prop::option::weighted(0.6, any::<u32>())), 1..120),
        topics in prop::collection::vec(topics(), 1..20),
    ) {
        let mut index = FilterIndex::new(1);
        let mut model = Model::new();
        for (filter, key, value) in &changes {
            apply(&mut index, &mut model, filter, *key, *value);
        }
        // The same contents with another history and another seed.
        let mut other = FilterIndex::new(2);
        model.iter().rev().for_each(|((filter, key), value)| { other.insert(filter, *key, *value); });
        for topic in &topics {
            let found = matches(&index, topic);
            prop_assert_eq!(&found, &matches(&other, topic));
            let mut sorted = found;
            sorted.sort_unstable();
            let mut expected: Vec<(u8, u32)> = model.iter()
                .filter(|((filter, _), _)| naive(filter, topic)).map(|((_, key), value)| (*key, *value)).collect();
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
        let all = contents(&index);
        prop_assert_eq!(&all, &contents(&other));
        let rebuilt: Model = all.into_iter().map(|(filter, key, value)| ((filter, key), value)).collect();
        prop_assert_eq!(&rebuilt, &model);
        for key in 0..5 {
            let held = model.keys().filter(|(_, holder)| *holder == key).count();
            prop_assert_eq!(index.filters_of(key).len(), held);
        }
        for (filter, key) in model.clone().keys() {
            apply(&mut index, &mut model, filter, *key, None);
        }
        prop_assert!(index.is_empty());
        prop_assert_eq!(index.filter_count(), 0);
    }

    #[test]
    fn topic_tree_equals_naive_matcher(
        changes in prop::collection::vec((topics(), prop::option::weighted(0.7, any::<u32>())), 1..80),
        filters in prop::collection::vec(filters(), 1..20),
    ) {
        let mut tree = TopicTree::new();
        let mut model = BTreeMap::new();
        for (topic, value) in &changes {
            match value {
                Some(value) => prop_assert_eq!(tree.insert(topic, *value), model.insert(topic.clone(), *value)),
                None => prop_assert_eq!(tree.remove(topic), model.remove(topic)),
            }
            prop_assert_eq!(tree.get(topic), model.get(topic));
        }
        prop_assert_eq!(tree.len(), model.len());
        let mut ordered: Vec<(String, u32)> = model.into_iter().collect();
        ordered.sort_by_key(|(topic, _)| topic.split('/').map(str::to_owned).collect::<Vec<_>>());
        for filter in &filters {
            let mut found = Vec::new();
            tree.matching(filter, |topic, value| found.push((topic.to_owned(), *value)));
            let expected: Vec<_> = ordered.iter().filter(|(topic, _)| naive(filter, topic)).cloned().collect();
            prop_assert_eq!(found, expected, "{}", filter);
        }
    }
}

#[test]
fn deep_topics_and_filters_need_no_stack() {
    let deep = "/".repeat(60_000);
    let wild = format!("{}+", "+/".repeat(60_000));
    let mut index = FilterIndex::new(0);
    index.insert(&wild, 1u8, 0u32);
    index.insert(&deep, 2, 0);
    index.insert("#", 3, 0);
    assert_eq!(matches(&index, &deep), [(2, 0), (3, 0), (1, 0)]);
    let mut tree = TopicTree::new();
    tree.insert("a/b", ());
    tree.matching(&wild, |_, ()| panic!("nothing is that deep"));
    assert!(index.remove(&wild, 1).is_some());
}
