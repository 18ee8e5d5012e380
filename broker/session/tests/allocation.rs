//! The hot path allocates nothing in steady state, and a session stays small. Knows no socket.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use quorate_codec::{
    AckKind, Acknowledgement, PacketId, Publish, PublishProperties, QoS, ReasonCode, Version,
};
use quorate_session::{ClientLimits, Limits, Mode, Reply, Session, SessionStart, Step};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed to the system's allocator; the counter itself allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as our caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as our caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(act: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    act();
    ALLOCATIONS.with(Cell::get) - before
}

fn session() -> Session {
    let start = SessionStart {
        version: Version::V5,
        now: 0,
        client: ClientLimits::default(),
        keep_alive_seconds: 60,
        expiry_seconds: 0,
        mode: Mode::Clean,
    };
    Session::new(start, Arc::new(Limits::default()))
}

fn publish(qos: QoS, packet_id: Option<PacketId>) -> Publish<'static> {
    Publish {
        dup: false,
        qos,
        retain: false,
        packet_id,
        topic: "t",
        properties: PublishProperties::NONE,
        payload: b"payload",
    }
}

fn id(turn: u32) -> PacketId {
    PacketId::new((turn % 65_535) as u16 + 1).unwrap()
}

#[test]
fn publishes_from_the_client_allocate_nothing() {
    let mut session = session();
    let count = allocations(|| {
        for turn in 0..100_000 {
            session.handle_activity(u64::from(turn));
            let step = session.handle_publish(&publish(QoS::AtMostOnce, None));
            assert!(matches!(step, Step::Route));
            let step = session.handle_publish(&publish(QoS::AtLeastOnce, Some(id(turn))));
            let Step::RouteAcknowledged(publishing) = step else {
                panic!("not routed");
            };
            let step = session.publish_completed(publishing, ReasonCode::Success);
            let Step::Send(Reply::Acknowledge {
                kind, packet_id, ..
            }) = step
            else {
                panic!("not acknowledged");
            };
            assert_eq!((kind, packet_id), (AckKind::PubAck, id(turn)));
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn deliveries_allocate_nothing_once_the_ring_has_its_size() {
    let mut session = session();
    let mut turns = |from: u32, to: u32| {
        for turn in from..to {
            assert_eq!(session.deliver(QoS::AtLeastOnce), Some(id(turn)));
            if turn >= 20 {
                let step = session.handle_puback(&Acknowledgement::success(id(turn - 20)));
                assert!(matches!(step, Step::Settled));
            }
        }
    };
    turns(0, 100);
    assert_eq!(allocations(|| turns(100, 200_000)), 0);
}

#[test]
fn an_idle_session_is_small_and_holds_nothing() {
    assert!(
        size_of::<Session>() <= 200,
        "{} bytes",
        size_of::<Session>()
    );
    let limits = Arc::new(Limits::default());
    let mut start = SessionStart {
        version: Version::V311,
        now: 0,
        client: ClientLimits::default(),
        keep_alive_seconds: 60,
        expiry_seconds: 0,
        mode: Mode::Clean,
    };
    let clean = start.clone();
    assert_eq!(allocations(|| drop(Session::new(clean, limits.clone()))), 0);
    start.mode = Mode::Durable {
        inbound: vec![],
        subscriptions: 0,
    };
    assert_eq!(allocations(|| drop(Session::new(start, limits.clone()))), 1);
}
