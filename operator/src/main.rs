//! The binary `quorate-operator`.

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    quorate_operator::launch(&quorate_operator::Cli::parse())
}
