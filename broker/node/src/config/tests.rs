//! Tests of the configuration: precedence, and the sentences of its errors.
