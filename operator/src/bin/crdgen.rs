//! Prints the custom resource definitions, as the chart carries them.

fn main() {}
