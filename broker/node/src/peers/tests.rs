//! Two and three nodes in one process, over loopback.

mod calls;
mod refusals;
mod support;
mod tls;
