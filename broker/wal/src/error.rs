//! What can go wrong: opening, writing, reading. Errors of writing are cloned to every waiting callback.

use std::io;
use std::sync::Arc;

use thiserror::Error;

/// Why the log could not be opened. Nothing was changed on disk.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A record or segment head that was durable is not what was written. Not repaired: what follows it was acknowledged.
    #[error("the log is damaged: {file}, offset {offset}: {what}")]
    Damaged {
        /// The segment's file name.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A segment between the oldest and the newest is not there.
    #[error("the log's segment of generation {generation} is missing")]
    Missing {
        /// The generation its head would carry.
        generation: u32,
    },
    /// A group's entries have a gap.
    #[error("the log of group {group} has no entry {index}, but later ones")]
    Hole {
        /// The group.
        group: u32,
        /// The first index that is missing.
        index: u64,
    },
    /// Written by a newer version of this program.
    #[error("{file} has log format {found}, this program knows {known}")]
    NewerFormat {
        /// The segment's file name.
        file: String,
        /// The format it carries.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
    /// An option makes no sense.
    #[error("log option {option}: {why}")]
    Options {
        /// Its name.
        option: &'static str,
        /// What is allowed.
        why: &'static str,
    },
    /// The disk refused.
    #[error("opening the log: {action} {file}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// The disk's answer.
        source: io::Error,
    },
}

/// Why a submission was not made durable.
#[derive(Clone, Debug, Error)]
pub enum WalError {
    /// A write or sync failed, and the log has stopped for good: what the disk holds is no longer known.
    #[error("the log has stopped: {action} of {file} failed: {source}")]
    Stopped {
        /// What failed first.
        action: &'static str,
        /// On which segment.
        file: Arc<str>,
        /// The disk's answer.
        source: Arc<io::Error>,
    },
    /// No room left and none could be allocated. Nothing was written; the log goes on when room comes back.
    #[error("no room left in the log")]
    NoSpace,
    /// The entries do not follow the group's last. Nothing was written.
    #[error("group {group}: entry {found} cannot follow, {expected} is next")]
    NotConsecutive {
        /// The group.
        group: u32,
        /// The index that would follow.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// A payload or value is larger than a record may be. Nothing was written.
    #[error("{bytes} bytes are more than a record may hold ({max})")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More groups than the log has room for. Nothing was written.
    #[error("more than {max} groups")]
    TooManyGroups {
        /// The limit.
        max: usize,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

/// Why entries could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The bytes on disk are not the record that was written there.
    #[error("group {group}, entry {index} is damaged: {file}, offset {offset}")]
    Damaged {
        /// The group.
        group: u32,
        /// The entry.
        index: u64,
        /// The segment's file name.
        file: String,
        /// Where in the file.
        offset: u64,
    },
    /// The disk refused.
    #[error("reading the log: {file}")]
    Io {
        /// The segment's file name.
        file: String,
        /// The disk's answer.
        source: io::Error,
    },
}
