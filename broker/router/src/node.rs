//! One node of the trie: 32 bytes, links by index. It knows nothing of texts or values.

use crate::fixed_map::{FixedMap, fixed_map};
use crate::levels::LevelId;
use crate::limits::NODE_CHILDREN_FLAT_MAX;

/// Index of a node or of a value.
pub(crate) type Index = u32;
/// No node, no value.
pub(crate) const NONE: Index = Index::MAX;

/// What hangs below one path of levels.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Value of the filter that ends here.
    pub(crate) here: Index,
    /// Value of the filter that goes on with `#`.
    pub(crate) rest: Index,
    /// Child for `+`.
    pub(crate) plus: Index,
    /// Children for literal levels.
    pub(crate) literal: Children,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            here: NONE,
            rest: NONE,
            plus: NONE,
            literal: Children::None,
        }
    }

    /// Nothing hangs here any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.here == NONE
            && self.rest == NONE
            && self.plus == NONE
            && matches!(self.literal, Children::None)
    }
}

/// Level to child. Most nodes have one child, some have all devices.
#[derive(Debug, Clone)]
pub(crate) enum Children {
    None,
    One(LevelId, Index),
    Flat(Box<Flat>),
    Map(Box<FixedMap<LevelId, Index>>),
}

/// Sorted by level; boxed once more so that a node takes half a cache line.
#[derive(Debug, Clone)]
pub(crate) struct Flat(Box<[(LevelId, Index)]>);

const _: () = assert!(size_of::<Node>() == 32);

impl Children {
    #[inline]
    pub(crate) fn find(&self, level: LevelId) -> Option<Index> {
        match self {
            Self::None => None,
            Self::One(present, child) => (*present == level).then_some(*child),
            Self::Flat(list) => {
                let at = list
                    .0
                    .binary_search_by_key(&level, |(present, _)| *present)
                    .ok()?;
                Some(list.0[at].1)
            }
            Self::Map(map) => map.get(&level).copied(),
        }
    }

    /// Adds a child for a level that has none yet.
    pub(crate) fn insert(&mut self, level: LevelId, child: Index) {
        match self {
            Self::None => *self = Self::One(level, child),
            Self::Map(map) => {
                map.insert(level, child);
            }
            Self::One(..) | Self::Flat(_) => {
                let mut all = self.to_vec();
                all.push((level, child));
                *self = Self::from_vec(all);
            }
        }
    }

    pub(crate) fn remove(&mut self, level: LevelId) {
        if let Self::Map(map) = self {
            map.remove(&level);
            // Half the bound, so that one child that comes and goes does not reshape it each time.
            if map.len() > NODE_CHILDREN_FLAT_MAX / 2 {
                return;
            }
        }
        let mut all = self.to_vec();
        all.retain(|(present, _)| *present != level);
        *self = Self::from_vec(all);
    }

    /// All children, in no order that means anything.
    pub(crate) fn to_vec(&self) -> Vec<(LevelId, Index)> {
        match self {
            Self::None => Vec::new(),
            Self::One(level, child) => vec![(*level, *child)],
            Self::Flat(list) => list.0.to_vec(),
            Self::Map(map) => map.iter().map(|(level, child)| (*level, *child)).collect(),
        }
    }

    fn from_vec(mut all: Vec<(LevelId, Index)>) -> Self {
        match all.as_slice() {
            [] => Self::None,
            [(level, child)] => Self::One(*level, *child),
            _ if all.len() <= NODE_CHILDREN_FLAT_MAX => {
                all.sort_unstable();
                Self::Flat(Box::new(Flat(all.into_boxed_slice())))
            }
            _ => {
                // Keys are our own numbers, not a stranger's, so the seed does not matter.
                let mut map = fixed_map(0);
                map.extend(all);
                Self::Map(Box::new(map))
            }
        }
    }
}
