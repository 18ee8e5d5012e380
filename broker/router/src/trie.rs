//! Filters with a wildcard: a trie over levels. The cost of a match grows with the levels of the topic and with
//! what matches, not with the number of filters. No recursion: strangers choose the depth.

use crate::levels::Levels;
use crate::node::{Index, NONE, Node};

const ROOT: Index = 0;

/// Wildcard filter to value; nodes, values and level numbers live in arenas and are reused.
#[derive(Debug, Clone)]
pub(crate) struct Trie<T> {
    nodes: Vec<Node>,
    free_nodes: Vec<Index>,
    values: Vec<T>,
    free_values: Vec<Index>,
    levels: Levels,
    /// Most levels before `#` or the end that a filter ever had: deeper levels of a topic are not looked at.
    depth: usize,
}

/// A filter as the trie sees it: levels, then perhaps `#`.
struct Path<'a> {
    levels: Option<&'a str>,
    rest: bool,
}

impl<'a> Path<'a> {
    fn new(filter: &'a str) -> Self {
        match filter.strip_suffix('#') {
            Some("") => Self {
                levels: None,
                rest: true,
            },
            Some(levels) if levels.ends_with('/') => Self {
                levels: Some(&levels[..levels.len() - 1]),
                rest: true,
            },
            Some(_) | None => Self {
                levels: Some(filter),
                rest: false,
            },
        }
    }

    fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.levels.into_iter().flat_map(|levels| levels.split('/'))
    }
}

impl<T: Default> Trie<T> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            nodes: vec![Node::new()],
            free_nodes: Vec::new(),
            values: Vec::new(),
            free_values: Vec::new(),
            levels: Levels::new(seed),
            depth: 0,
        }
    }

    pub(crate) fn get(&self, filter: &str) -> Option<&T> {
        let at = self.find(filter)?;
        Some(&self.values[at as usize])
    }

    pub(crate) fn get_mut(&mut self, filter: &str) -> Option<&mut T> {
        let at = self.find(filter)?;
        Some(&mut self.values[at as usize])
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.free_values.len()
    }

    /// The filter's value, empty if the filter is new.
    pub(crate) fn ensure(&mut self, filter: &str) -> &mut T {
        let path = Path::new(filter);
        let mut node = ROOT;
        let mut depth = 0;
        for level in path.iter() {
            node = self.ensure_child(node, level);
            depth += 1;
        }
        self.depth = self.depth.max(depth);
        let holder = &mut self.nodes[node as usize];
        let slot = if path.rest {
            &mut holder.rest
        } else {
            &mut holder.here
        };
        if *slot == NONE {
            *slot = self
                .free_values
                .pop()
                .unwrap_or_else(|| push(&mut self.values, T::default()));
        }
        &mut self.values[*slot as usize]
    }

    /// Forgets the filter and every node that only it needed.
    pub(crate) fn remove(&mut self, filter: &str) {
        let path = Path::new(filter);
        let mut way = Vec::new();
        let mut node = ROOT;
        for level in path.iter() {
            way.push((node, level));
            let Some(child) = self.child(node, level) else {
                return;
            };
            node = child;
        }
        let holder = &mut self.nodes[node as usize];
        let slot = if path.rest {
            &mut holder.rest
        } else {
            &mut holder.here
        };
        if *slot == NONE {
            return;
        }
        self.values[*slot as usize] = T::default();
        self.free_values.push(*slot);
        *slot = NONE;
        while let Some((parent, level)) = way.pop() {
            if !self.nodes[node as usize].is_empty() {
                return;
            }
            self.free_child(parent, level, node);
            node = parent;
        }
    }

    /// Calls `visit` for the value of every filter that matches. At each node: `#`, then the filter that ends
    /// here, then what is below `+`, then what is below the topic's own level.
    pub(crate) fn matches<'a>(&'a self, topic: &str, mut visit: impl FnMut(&'a T)) {
        if self.len() == 0 {
            return;
        }
        // One more than the deepest filter is enough to know that the topic goes on.
        let levels: Vec<_> = topic
            .split('/')
            .take(self.depth + 1)
            .map(|level| self.levels.find(level))
            .collect();
        // A wildcard at the first level does not see topics that start with `$` [MQTT-4.7.2-1].
        let hidden = topic.starts_with('$');
        let mut open = Vec::with_capacity(levels.len() + 1);
        open.push((ROOT, 0));
        while let Some((at, depth)) = open.pop() {
            let node: &Node = &self.nodes[at as usize];
            let wildcards = depth > 0 || !hidden;
            if node.rest != NONE && wildcards {
                visit(&self.values[node.rest as usize]);
            }
            let Some(level) = levels.get(depth) else {
                if node.here != NONE {
                    visit(&self.values[node.here as usize]);
                }
                continue;
            };
            if let Some(child) = level.and_then(|level| node.literal.find(level)) {
                open.push((child, depth + 1));
            }
            if node.plus != NONE && wildcards {
                open.push((node.plus, depth + 1));
            }
        }
    }

    /// Calls `visit` for each filter: at each node `#`, the filter itself, `+`, then literal levels by their bytes.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&str, &T)) {
        let texts = self.levels.texts();
        let mut open = vec![(ROOT, String::new())];
        while let Some((at, path)) = open.pop() {
            let node = &self.nodes[at as usize];
            let below = |level: &str| {
                if at == ROOT {
                    level.to_owned()
                } else {
                    format!("{path}/{level}")
                }
            };
            if node.rest != NONE {
                visit(&below("#"), &self.values[node.rest as usize]);
            }
            if node.here != NONE {
                visit(&path, &self.values[node.here as usize]);
            }
            let mut children = node.literal.to_vec();
            children.sort_unstable_by_key(|(level, _)| texts[*level as usize]);
            open.extend(
                children
                    .into_iter()
                    .rev()
                    .map(|(level, child)| (child, below(texts[level as usize]))),
            );
            if node.plus != NONE {
                open.push((node.plus, below("+")));
            }
        }
    }

    fn find(&self, filter: &str) -> Option<Index> {
        let path = Path::new(filter);
        let node = path
            .iter()
            .try_fold(ROOT, |node, level| self.child(node, level))?;
        let holder = &self.nodes[node as usize];
        let slot = if path.rest { holder.rest } else { holder.here };
        (slot != NONE).then_some(slot)
    }

    fn child(&self, node: Index, level: &str) -> Option<Index> {
        let node = &self.nodes[node as usize];
        if level == "+" {
            return (node.plus != NONE).then_some(node.plus);
        }
        node.literal.find(self.levels.find(level)?)
    }

    fn ensure_child(&mut self, parent: Index, level: &str) -> Index {
        if let Some(child) = self.child(parent, level) {
            return child;
        }
        let child = self
            .free_nodes
            .pop()
            .unwrap_or_else(|| push(&mut self.nodes, Node::new()));
        if level == "+" {
            self.nodes[parent as usize].plus = child;
        } else {
            let level = self.levels.hold(level);
            self.nodes[parent as usize].literal.insert(level, child);
        }
        child
    }

    fn free_child(&mut self, parent: Index, level: &str, child: Index) {
        self.free_nodes.push(child);
        if level == "+" {
            self.nodes[parent as usize].plus = NONE;
        } else if let Some(id) = self.levels.find(level) {
            self.nodes[parent as usize].literal.remove(id);
            self.levels.release(level);
        }
    }
}

/// Appends to an arena that grows by an eighth: doubling would leave up to half of its memory unused.
fn push<T>(arena: &mut Vec<T>, item: T) -> Index {
    if arena.len() == arena.capacity() {
        arena.reserve_exact((arena.len() / 8).max(16));
    }
    arena.push(item);
    index(arena.len() - 1)
}

fn index(position: usize) -> Index {
    Index::try_from(position)
        .ok()
        .filter(|index| *index != NONE)
        .expect("4 G nodes do not fit the memory of a node")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_all_filters_frees_all_nodes_values_and_levels() {
        let filters = [
            "#",
            "+",
            "a/#",
            "a/+",
            "a/+/c",
            "a/b/#",
            "+/b/c",
            "/+",
            "+/",
            "a/b/c/d/+",
        ];
        let mut trie = Trie::<u32>::new(7);
        for _ in 0..3 {
            filters.iter().for_each(|filter| *trie.ensure(filter) = 1);
            assert_eq!(trie.len(), filters.len());
            filters.iter().for_each(|filter| trie.remove(filter));
            assert_eq!(trie.len(), 0);
            assert_eq!(trie.levels.len(), 0);
            assert_eq!(trie.free_nodes.len() + 1, trie.nodes.len());
        }
        assert_eq!(trie.values.len(), filters.len());
    }

    #[test]
    fn order_of_a_match_is_hash_then_end_then_plus_then_literal() {
        let mut trie = Trie::<&str>::new(7);
        for filter in ["a/+", "+/b", "a/#", "#", "+/+", "a/b/#", "+/#"] {
            *trie.ensure(filter) = filter;
        }
        let mut seen = Vec::new();
        trie.matches("a/b", |filter| seen.push(*filter));
        assert_eq!(seen, ["#", "+/#", "+/+", "+/b", "a/#", "a/+", "a/b/#"]);
    }
}
