//! What the end-to-end tests and the benchmark share: real brokers as processes, a small client,
//! waiting with deadlines, and a checker of what clients saw. Knows nothing of the broker's inside.
