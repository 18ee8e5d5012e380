//! Times matches among 1 M mixed filters, looks at routes that are cached or not, and the memory that filters take.
//! Prints figures and judges none: `cargo run --release -p quorate-router --example match_million`.
#![expect(
    clippy::disallowed_types,
    reason = "a program that measures needs a clock; the crate has none"
)]

use std::hint::black_box;
use std::time::Instant;

use quorate_codec::QoS;
use quorate_router::{ConnectionId, FilterIndex, RouteHandle, Subscriber, Table};

/// Resident bytes of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .map_or(0, |pages: usize| pages * 4096)
}

/// A third exact, a third with `+`, a third with `#`; 1 000 sites, each device in one of them.
fn filter(number: u32) -> String {
    let (site, device) = (number % 1000, number / 3);
    match number % 3 {
        0 => format!("fleet/site{site}/device{device}/telemetry/temp"),
        1 => format!("fleet/site{site}/device{device}/+/temp"),
        _ => format!("fleet/site{site}/device{device}/#"),
    }
}

fn topic(number: u32) -> String {
    let (site, device) = (number % 1000, number / 3);
    format!("fleet/site{site}/device{device}/telemetry/temp")
}

/// Numbers that jump about, the same in each run.
fn scattered(count: u32, below: u32) -> impl Iterator<Item = u32> {
    (0..count).map(move |step| (u64::from(step) * 2_654_435_761 % u64::from(below)) as u32)
}

fn timed(mut run: impl FnMut()) -> u128 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos()
}

fn index_of_a_million() {
    let before = resident();
    let mut index = FilterIndex::new(1);
    let took =
        timed(|| (0..1_000_000).for_each(|number| _ = index.insert(&filter(number), number, ())));
    for fixed in [
        "fleet/+/+/telemetry/temp",
        "+/+/+/+/temp",
        "#",
        "fleet/#",
        "+/site7/#",
    ] {
        index.insert(fixed, 0, ());
    }
    let memory = resident() - before;
    println!(
        "1 M filters: {} ns per insert, {} B per filter",
        took / 1_000_000,
        memory / 1_000_000
    );
    let topics: Vec<String> = scattered(200_000, 1_000_000).map(topic).collect();
    let mut found = 0u64;
    let took = timed(|| drop(black_box(index.filters_of(0))));
    println!("all filters of one holder: {} ms", took / 1_000_000);
    let mut times: Vec<u128> = topics
        .iter()
        .map(|topic| timed(|| index.matches(topic, |_, ()| found += 1)))
        .collect();
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 1000];
    println!(
        "match among 1 M, cold topics: median {} ns, p99 {} ns, {:.1} matches each",
        at(500),
        at(990),
        found as f64 / topics.len() as f64
    );
}

fn subscriber() -> Subscriber {
    Subscriber {
        qos: QoS::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        identifier: None,
        durable: false,
    }
}

fn table_memory(name: &str, text: impl Fn(u32) -> String) -> Table {
    let before = resident();
    let mut table = Table::new(1);
    for number in 0..100_000 {
        let connection = ConnectionId {
            index: number % 100,
            generation: 0,
        };
        table.subscribe(connection, &text(number), subscriber());
    }
    let memory = resident() - before;
    println!(
        "table, 100 000 filters ({name}) of 100 connections: {} B each",
        memory / 100_000
    );
    table
}

fn cached_routes() {
    let mut table = Table::new(1);
    let connection = ConnectionId {
        index: 1,
        generation: 0,
    };
    let topics: Vec<String> = (0..100).map(|number| topic(number * 3)).collect();
    topics
        .iter()
        .for_each(|topic| _ = table.subscribe(connection, topic, subscriber()));
    let rounds = 100_000;
    let mut handles = vec![RouteHandle::default(); topics.len()];
    let mut sum = 0;
    let with_handle = timed(|| {
        for _ in 0..rounds {
            for (topic, handle) in topics.iter().zip(&mut handles) {
                sum += table
                    .route(black_box(handle), black_box(topic))
                    .recipients
                    .len();
            }
        }
    });
    let without = timed(|| {
        for _ in 0..rounds {
            for topic in &topics {
                sum += table
                    .route(&mut RouteHandle::default(), black_box(topic))
                    .recipients
                    .len();
            }
        }
    });
    let each = |took: u128| took as f64 / f64::from(rounds) / topics.len() as f64;
    println!(
        "cached route: {:.1} ns by handle, {:.1} ns by hash ({sum})",
        each(with_handle),
        each(without)
    );
}

fn main() {
    if std::env::args().nth(1).as_deref() != Some("cached") {
        // All are kept, so that none sits in memory that an earlier one gave back.
        let _kept = [
            table_memory("mixed", filter),
            table_memory("exact", |number| topic(number * 3)),
            table_memory("wildcard", |number| filter(number * 3 + 1)),
        ];
        index_of_a_million();
    }
    cached_routes();
}
