//! The binary `quorate-operator`.

fn main() {}
