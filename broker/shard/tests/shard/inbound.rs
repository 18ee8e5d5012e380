//! Packet ids that a durable publisher's QoS 2 messages take (P4).

use quorate_shard::*;

use crate::support::*;

fn start(claimed: &Claimed, id: u16) -> Command {
    let Claimed { session, epoch, .. } = *claimed;
    Command::InboundStart(InboundStart {
        session,
        epoch,
        packet_id: packet(id),
    })
}

fn free(claimed: &Claimed, id: u16) -> Command {
    let Claimed { session, epoch, .. } = *claimed;
    Command::InboundRelease(InboundRelease {
        session,
        epoch,
        packet_id: packet(id),
    })
}

#[test]
fn a_packet_id_keeps_its_number_until_it_is_released() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    let started = |sequence, fresh| Outcome::InboundStarted { sequence, fresh };
    assert_eq!(bench.run(start(&a, 7)), started(1, true));
    assert_eq!(bench.run(start(&a, 7)), started(1, false));
    bench.release(&a, false);
    let a = bench.claim(durable("a"));
    assert_eq!(a.inbound, [(packet(7), 1)]);
    assert_eq!(bench.run(start(&a, 7)), started(1, false));
    assert_eq!(bench.run(free(&a, 7)), Outcome::InboundReleased(Some(1)));
    assert_eq!(bench.run(free(&a, 7)), Outcome::InboundReleased(None));
    assert_eq!(
        bench.run(start(&a, 7)),
        started(2, true),
        "a number never comes again"
    );
}

#[test]
fn the_end_of_a_session_ends_its_origins() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    bench.batch(vec![start(&a, 7), start(&a, 3), free(&a, 7)]);
    bench.claim(clean("a"));
    let origin = Origin::Inbound {
        shard: 0,
        session: a.session,
        sequence: 2,
    };
    assert!(
        bench
            .take_effects()
            .contains(&Effect::ForgetOrigins(vec![origin]))
    );
    assert_eq!(bench.shard.forgettable().collect::<Vec<_>>(), [origin]);
}
