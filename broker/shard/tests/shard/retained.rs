//! Retained messages.

use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

fn retain(topic: &str, payload: &str, expiry_seconds: Option<u32>) -> Command {
    let message = Message {
        retain: true,
        expiry_seconds,
        ..message(topic, payload, QoS::AtMostOnce)
    };
    Command::Retain(Retain { message })
}

fn matching(bench: &Bench, filter: &str) -> Vec<String> {
    let mut texts = Vec::new();
    bench
        .shard
        .retained_matching(filter, bench.time, &mut |retained| {
            texts.push(String::from_utf8(retained.message.payload.to_vec()).unwrap());
        });
    texts
}

#[test]
fn a_topic_keeps_its_last_message_until_an_empty_one_clears_it() {
    let mut bench = Bench::new();
    bench.batch(vec![
        retain("t/1", "a", None),
        retain("t/1", "b", None),
        retain("t/2", "c", None),
    ]);
    assert_eq!(matching(&bench, "t/+"), ["b", "c"]);
    assert_eq!(matching(&bench, "t/1"), ["b"]);
    bench.run(retain("t/1", "", None));
    bench.run(retain("never", "", None));
    assert_eq!(matching(&bench, "#"), ["c"]);
    bench.run(retain("t/2", "", None));
    assert_eq!(bench.shard.statistics(), Statistics::default());
}

#[test]
fn a_retained_message_expires() {
    let mut bench = Bench::new();
    bench.batch(vec![
        retain("a", "1", Some(5)),
        retain("b", "2", Some(5)),
        retain("b", "3", None),
    ]);
    assert_eq!(bench.shard.next_deadline(), Some(5_000));
    bench.time = 5_000;
    assert_eq!(
        matching(&bench, "#"),
        ["3"],
        "also before a batch brings the time"
    );
    bench.wait(0);
    assert_eq!(bench.shard.statistics().retained_messages, 1);
    assert_eq!(bench.shard.next_deadline(), None);
}
