//! Elections with several replicas whose clocks run as they like, over a Lease that behaves like the API server's:
//! a write that names an old version is refused.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::election::{Election, Step};
use super::record::Record;
use super::{ACTS_AFTER_RENEWAL_MAX, LEASE};

/// The API server's part: one object with a version.
#[derive(Default)]
struct Server {
    lease: Option<Record>,
    version: u64,
}

impl Server {
    fn write(&mut self, record: &Record) -> bool {
        let present = self.lease.as_ref().and_then(|lease| lease.version.clone());
        if record.version != present {
            return false;
        }
        self.version += 1;
        self.lease = Some(Record {
            version: Some(self.version.to_string()),
            ..record.clone()
        });
        true
    }
}

fn election(name: &str) -> Election {
    Election::new(name, LEASE, ACTS_AFTER_RENEWAL_MAX)
}

fn turn(election: &mut Election, server: &mut Server, now: Instant) -> bool {
    let found = server.lease.clone();
    if let Step::Write(record) = election.step(found.as_ref(), now)
        && server.write(&record)
    {
        election.written(now);
    }
    election.is_leader(now)
}

#[test]
fn the_first_leads_and_the_second_waits_for_the_end_of_its_lease() {
    let (mut server, start) = (Server::default(), Instant::now());
    let (mut first, mut second) = (election("a"), election("b"));
    assert!(turn(&mut first, &mut server, start));
    assert!(!turn(&mut second, &mut server, start));
    let almost = start + LEASE - Duration::from_millis(1);
    assert!(!turn(&mut second, &mut server, almost));
    assert!(!first.is_leader(almost), "it stopped long before");
    assert!(turn(&mut second, &mut server, start + LEASE));
    assert!(!turn(&mut first, &mut server, start + LEASE));
    let lease = server.lease.unwrap();
    assert_eq!((&*lease.holder, lease.transitions), ("b", 1));
}

#[test]
fn a_lease_that_is_renewed_is_never_taken_whatever_its_times_say() {
    let (mut server, start) = (Server::default(), Instant::now());
    let (mut first, mut second) = (election("a"), election("b"));
    for second_passed in (0..120).step_by(3) {
        let now = start + Duration::from_secs(second_passed);
        assert!(turn(&mut first, &mut server, now));
        // Its holder's clock stands a year behind: only that it changes counts.
        let lease = server.lease.as_mut().unwrap();
        lease.renewed = Some(jiff::Timestamp::from_second(second_passed.cast_signed()).unwrap());
        assert!(!turn(&mut second, &mut server, now));
    }
}

#[test]
fn a_lease_given_back_is_taken_at_once() {
    let (mut server, start) = (Server::default(), Instant::now());
    let (mut first, mut second) = (election("a"), election("b"));
    assert!(turn(&mut first, &mut server, start));
    let found = server.lease.clone().unwrap();
    let free = first.release(&found).unwrap();
    assert!(server.write(&free) && !first.is_leader(start));
    assert!(turn(&mut second, &mut server, start));
}

#[test]
fn a_process_that_was_restarted_takes_its_own_lease_up_again() {
    let (mut server, start) = (Server::default(), Instant::now());
    assert!(turn(&mut election("a"), &mut server, start));
    assert!(turn(&mut election("a"), &mut server, start));
    assert_eq!(server.lease.unwrap().transitions, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Replicas look and write at any time, late writes included, each with a clock of its own offset.
    #[test]
    fn never_do_two_lead(steps in prop::collection::vec((0..3_usize, 0..9_000_u64, 0..4_u8), 1..300)) {
        let start = Instant::now();
        let offset = |who: usize| Duration::from_secs(1_000 * who as u64);
        let mut server = Server::default();
        let mut all = [election("a"), election("b"), election("c")];
        let mut late: [Option<(Record, Instant)>; 3] = [None, None, None];
        let mut passed = Duration::ZERO;
        for (who, pause, what) in steps {
            passed += Duration::from_millis(pause);
            let now = start + passed + offset(who);
            if let Some((record, sent)) = late[who].take() {
                if server.write(&record) {
                    all[who].written(sent);
                }
            } else {
                let found = server.lease.clone();
                match all[who].step(found.as_ref(), now) {
                    Step::Write(record) if what == 0 => late[who] = Some((record, now)),
                    Step::Write(record) => if server.write(&record) {
                        all[who].written(now);
                    },
                    Step::Wait => {}
                }
            }
            let leading = (0..3).filter(|who| all[*who].is_leader(start + passed + offset(*who)));
            prop_assert!(leading.count() <= 1);
        }
    }
}
