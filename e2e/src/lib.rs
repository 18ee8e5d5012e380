//! What the end-to-end tests and the benchmark share: real brokers as processes, a small client,
//! waiting with deadlines, and a checker of what clients saw. Knows nothing of the broker's inside.
#![forbid(unsafe_code)]

pub mod bench;
pub mod broker;
pub mod bystander;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod durable;
pub mod endpoint;
pub mod history;
pub mod hostile;
pub mod http;
pub mod kubernetes;
pub mod load;
pub mod packet;
pub mod port;
pub mod process;
pub mod random;
pub mod reference;
pub mod story;
pub mod tls;
pub mod tool;
pub mod wait;
pub mod wall_clock;
pub mod websocket;
pub mod witness;
