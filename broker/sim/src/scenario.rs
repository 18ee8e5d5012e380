//! What a seed is like: who takes part and how often what fails. Every seed draws its own mix, so that some have many
//! crashes and some none.

use quorate_codec::{EXPIRY_NEVER, QoS, Version};
use quorate_shard::Faults;

use crate::limits::STEPS_MAX;
use crate::random::Random;

/// Something broken on purpose, so that a test sees the invariants notice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Nothing.
    None,
    /// Batches are applied, and answered, before the log has synced them.
    AnswerBeforeSync,
    /// A new owner of a session does not know what an earlier one was sent.
    ForgetStartedMark,
    /// A batch that comes again is applied again.
    ForgetBatchDedup,
    /// A publish of the same origin is queued again.
    ForgetOriginDedup,
}

impl Mistake {
    /// All of them, for a command line.
    pub const ALL: [(&'static str, Self); 5] = [
        ("none", Self::None),
        ("answer-before-sync", Self::AnswerBeforeSync),
        ("forget-started-mark", Self::ForgetStartedMark),
        ("forget-batch-dedup", Self::ForgetBatchDedup),
        ("forget-origin-dedup", Self::ForgetOriginDedup),
    ];

    pub(crate) fn of_shard(self) -> Faults {
        Faults {
            forget_started_mark: self == Self::ForgetStartedMark,
            forget_batch_dedup: self == Self::ForgetBatchDedup,
            forget_origin_dedup: self == Self::ForgetOriginDedup,
        }
    }
}

/// See the module. "Once in" numbers count steps of their kind; 0 is never.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) mistake: Mistake,
    pub(crate) steps: usize,
    pub(crate) workers: u16,
    pub(crate) shards: u16,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) crash_once_in: usize,
    pub(crate) cut_once_in: usize,
    pub(crate) lost_answer_once_in: usize,
    pub(crate) refused_batch_once_in: usize,
    pub(crate) snapshot_once_in: usize,
    pub(crate) jump_once_in: usize,
    /// Bytes a socket holds on its way to a client.
    pub(crate) socket_bytes: usize,
}

/// What a client is like.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) version: Version,
    /// Session expiry interval in seconds; 0 is a clean session.
    pub(crate) expiry_seconds: u32,
    pub(crate) publishes: bool,
    pub(crate) filters: Vec<(&'static str, QoS)>,
    pub(crate) will: Option<WillProfile>,
    pub(crate) receive_maximum: u16,
    /// Holds acknowledgements back.
    pub(crate) slow: bool,
    /// Does not come back at the end.
    pub(crate) leaves: bool,
}

/// What its wills are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WillProfile {
    pub(crate) qos: QoS,
    pub(crate) delay_seconds: u32,
}

impl Profile {
    pub(crate) fn is_durable(&self) -> bool {
        self.expiry_seconds > 0
    }

    /// Whether its session outlives any absence.
    pub(crate) fn stays(&self) -> bool {
        self.expiry_seconds == EXPIRY_NEVER
    }
}

const FILTERS: [&str; 6] = ["t/0", "t/1", "t/+", "t/#", "will/+", "#"];
/// Topics that clients publish to.
pub(crate) const TOPICS: [&str; 4] = ["t/0", "t/1", "t/2", "t/2/deep"];

impl Scenario {
    pub(crate) fn draw(random: &mut Random, mistake: Mistake) -> Self {
        let mut profiles = Vec::new();
        for place in 0..random.within(4, 7) {
            profiles.push(draw_profile(random, place));
        }
        Self {
            mistake,
            steps: random.within(STEPS_MAX / 4, STEPS_MAX),
            workers: random.within(1, 2) as u16,
            shards: random.within(1, 3) as u16,
            profiles,
            crash_once_in: *random.pick(&[0, 300, 600, 1_200]),
            cut_once_in: *random.pick(&[40, 80, 200]),
            lost_answer_once_in: *random.pick(&[0, 5, 20]),
            refused_batch_once_in: *random.pick(&[0, 10, 30]),
            snapshot_once_in: *random.pick(&[0, 200, 600]),
            jump_once_in: *random.pick(&[0, 200, 500]),
            socket_bytes: *random.pick(&[64, 500, 4_000]),
        }
    }
}

/// The first three are the durable publisher, the durable subscriber and the one with a will that every seed needs.
fn draw_profile(random: &mut Random, place: usize) -> Profile {
    let durable = place < 2 || random.one_in(2);
    let short = place > 2 && durable && random.one_in(3);
    let expiry_seconds = match (durable, short) {
        (false, _) => 0,
        (true, false) => EXPIRY_NEVER,
        (true, true) => random.within(1, 5) as u32,
    };
    let v5 = short || random.one_in(2);
    let subscribes = place == 1 || (place > 1 && random.one_in(2));
    let mut filters = Vec::new();
    for _ in 0..if subscribes { random.within(1, 3) } else { 0 } {
        let filter = *random.pick(&FILTERS);
        if !filters.iter().any(|(other, _)| *other == filter) {
            filters.push((filter, *random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce])));
        }
    }
    if place == 1 {
        filters = vec![("#", QoS::ExactlyOnce)];
    }
    let has_will = place == 2 || random.one_in(3);
    Profile {
        version: if v5 { Version::V5 } else { Version::V311 },
        expiry_seconds,
        publishes: place == 0 || random.one_in(2),
        filters,
        will: has_will.then(|| WillProfile {
            qos: *random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce]),
            delay_seconds: if v5 && random.one_in(2) {
                random.within(1, 3) as u32
            } else {
                0
            },
        }),
        receive_maximum: if v5 {
            *random.pick(&[1, 3, 100])
        } else {
            u16::MAX
        },
        slow: random.one_in(3),
        leaves: place > 1 && random.one_in(4),
    }
}
