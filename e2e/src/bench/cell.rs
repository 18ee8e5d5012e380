//! The cells of the benchmark: what load, and what our broker is to reach.

use quorate_codec::QoS;

/// Who publishes to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// That many publishers, each with a topic and a subscriber of its own.
    Pairs(usize),
    /// That many publishers with a topic each, one subscriber by wildcard.
    ToOne(usize),
    /// One publisher, one topic, that many subscribers.
    FromOne(usize),
}

impl Shape {
    /// Publishers and subscribers.
    pub fn clients(self) -> (usize, usize) {
        match self {
            Self::Pairs(count) => (count, count),
            Self::ToOne(count) => (count, 1),
            Self::FromOne(count) => (1, count),
        }
    }

    /// Deliveries of one message.
    pub fn fan(self) -> u64 {
        match self {
            Self::Pairs(_) | Self::ToOne(_) => 1,
            Self::FromOne(count) => count as u64,
        }
    }

    /// What publisher `index` publishes on.
    pub fn topic(self, index: usize) -> String {
        match self {
            Self::Pairs(_) => format!("pairs/{index}"),
            Self::ToOne(_) => format!("to-one/{index}"),
            Self::FromOne(_) => "from-one".to_owned(),
        }
    }

    /// What subscriber `index` subscribes to.
    pub fn filter(self, index: usize) -> String {
        match self {
            Self::Pairs(_) | Self::FromOne(_) => self.topic(index),
            Self::ToOne(_) => "to-one/+".to_owned(),
        }
    }
}

/// How fast a publisher publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Closed loop: that many messages of each publisher not yet delivered and acknowledged.
    Window(u64),
    /// Closed loop: that many messages of each publisher not yet acknowledged.
    Acknowledged(u64),
    /// That many messages a second from all publishers together.
    Rate(u64),
}

/// A load of messages.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Who publishes to whom.
    pub shape: Shape,
    /// At which QoS, publishing and subscribing.
    pub qos: QoS,
    /// Whether the subscribers have persistent sessions.
    pub persistent: bool,
    /// How fast.
    pub pace: Pace,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Messages.
    Messages(Load),
    /// That many connections that do nothing.
    Idle(usize),
}

/// What our broker is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// That many times mosquitto's deliveries per CPU second.
    TimesPerCpu(f64),
    /// That many deliveries per second.
    PerSecond(f64),
    /// At most that many bytes of resident memory per connection.
    BytesPerConnection(f64),
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// What is measured.
    pub work: Work,
    /// What is to be reached.
    pub goal: Goal,
}

const fn messages(shape: Shape, qos: QoS, pace: Pace) -> Work {
    Work::Messages(Load {
        shape,
        qos,
        persistent: false,
        pace,
    })
}

/// All cells, in the order of the table. The windows fill a socket buffer about half and stay below the
/// in-flight limits pinned in `e2e/bench.d`.
pub const CELLS: [Cell; 7] = [
    Cell {
        name: "pairs0",
        title: "50 pairs, QoS 0",
        work: messages(Shape::Pairs(50), QoS::AtMostOnce, Pace::Window(256)),
        goal: Goal::TimesPerCpu(25.0),
    },
    Cell {
        name: "pairs1",
        title: "50 pairs, QoS 1",
        work: messages(Shape::Pairs(50), QoS::AtLeastOnce, Pace::Window(256)),
        goal: Goal::TimesPerCpu(25.0),
    },
    Cell {
        name: "to-one",
        title: "100 -> 1, QoS 1",
        work: messages(Shape::ToOne(100), QoS::AtLeastOnce, Pace::Window(64)),
        goal: Goal::TimesPerCpu(8.0),
    },
    Cell {
        name: "from-one",
        title: "1 -> 500, QoS 0",
        work: messages(Shape::FromOne(500), QoS::AtMostOnce, Pace::Window(128)),
        goal: Goal::TimesPerCpu(14.0),
    },
    Cell {
        name: "rate",
        title: "50 pairs, QoS 1, 20 000/s",
        work: messages(Shape::Pairs(50), QoS::AtLeastOnce, Pace::Rate(20_000)),
        goal: Goal::TimesPerCpu(1.0),
    },
    Cell {
        name: "durable",
        title: "200 persistent, QoS 1, fsync",
        work: Work::Messages(Load {
            shape: Shape::Pairs(200),
            qos: QoS::AtLeastOnce,
            persistent: true,
            pace: Pace::Window(16),
        }),
        goal: Goal::PerSecond(40_000.0),
    },
    Cell {
        name: "idle",
        title: "15 000 idle connections",
        work: Work::Idle(15_000),
        goal: Goal::BytesPerConnection(1536.0),
    },
];
