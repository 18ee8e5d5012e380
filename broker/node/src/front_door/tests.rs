//! Tests of the front door on real sockets, with a fake session directory and a fake worker behind it.

mod layers;
mod login;
mod plain;
mod support;
mod tls;
