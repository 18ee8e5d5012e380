//! `/metrics` in Prometheus's text format.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::metrics::Metrics;

/// All families. On a blocking thread: it reads `/proc` and formats some hundred lines.
pub(super) async fn metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    match tokio::task::spawn_blocking(move || metrics.encode()).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!("metrics: {error}");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "metrics cannot be written down; see the log\n",
    )
        .into_response()
}
