//! `/livez` and `/readyz`: whether the process answers, and whether clients should be sent here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

/// Who knows whether the node is ready.
pub trait Health: Send + Sync {
    /// What is missing, as a sentence for people; `None` is ready. Must not wait.
    fn missing(&self) -> Option<String>;
}

/// The process answers; more would make a restart the cure for what it cannot cure.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// 200, or 503 with what is missing.
pub(super) async fn readyz(State(health): State<Arc<dyn Health>>) -> (StatusCode, String) {
    match health.missing() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(missing) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {missing}\n"),
        ),
    }
}
