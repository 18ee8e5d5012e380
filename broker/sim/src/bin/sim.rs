//! Runs seeds: many for a verdict, or one with everything that happened. Exits with 1 when a promise was broken.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use quorate_sim::{Mistake, run_seed, run_seed_logged};

/// Seeded simulation of a Quorate node.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run this many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Begin with this seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Run this seed only and print all that happened.
    #[arg(long)]
    seed: Option<u64>,
    /// Break something on purpose: none, answer-before-sync, forget-started-mark, forget-batch-dedup,
    /// forget-origin-dedup.
    #[arg(long, default_value = "none")]
    mistake: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let found = Mistake::ALL
        .iter()
        .find(|(name, _)| *name == arguments.mistake);
    let Some((_, mistake)) = found else {
        eprintln!("no such mistake: {}", arguments.mistake);
        return ExitCode::FAILURE;
    };
    match arguments.seed {
        Some(seed) => tell(seed, *mistake),
        None => run_many(arguments.first, arguments.seeds, *mistake),
    }
}

/// One seed in full.
fn tell(seed: u64, mistake: Mistake) -> ExitCode {
    let (history, verdict) = run_seed_logged(seed, mistake);
    for (place, event) in history.events.iter().enumerate() {
        println!("{place:6} {event:?}");
    }
    match verdict {
        Ok(()) => {
            println!("seed {seed}: all promises held");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("seed {seed}: {violation}");
            ExitCode::FAILURE
        }
    }
}

fn run_many(first: u64, count: u64, mistake: Mistake) -> ExitCode {
    let started = Instant::now();
    let (mut messages, mut deliveries, mut crashes, mut failures) = (0, 0, 0, 0);
    for seed in first..first + count {
        match run_seed(seed, mistake) {
            Ok(summary) => {
                messages += summary.messages;
                deliveries += summary.deliveries;
                crashes += summary.crashes;
            }
            Err(failure) => {
                failures += 1;
                println!("{failure}");
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = count as f64 / seconds * 60.0;
    println!("{count} seeds in {seconds:.1} s ({rate:.0} a minute), {failures} failed");
    println!("{messages} messages, {deliveries} deliveries, {crashes} crashes");
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
