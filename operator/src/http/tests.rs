//! Over a real socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn probes_and_scrapers_get_their_answers() {
    let (metrics, ready) = (Metrics::new().unwrap(), Ready::default());
    metrics.reconciled(Duration::from_millis(7), None);
    metrics.reconciled(Duration::from_millis(7), Some("conflict"));
    metrics.queue_depth(3);
    metrics.leads(true);
    metrics.wrote("StatefulSet");
    metrics.stepped("promote", "ok");
    let address = "127.0.0.1:0".parse().unwrap();
    let http = Http::open(address, ready.clone(), metrics).await.unwrap();
    let address = http.address().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(http.run(async {
        let _ = ended.await;
    }));
    assert!(ask(address, "/livez").await.starts_with("HTTP/1.1 200"));
    let answer = ask(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("API server"));
    ready.set();
    assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(ask(address, "/nothing").await.starts_with("HTTP/1.1 404"));
    let text = ask(address, "/metrics").await;
    for line in [
        "quorate_operator_reconciles_total{result=\"ok\"} 1\n",
        "quorate_operator_reconciles_total{result=\"error\"} 1\n",
        "quorate_operator_errors_total{kind=\"conflict\"} 1\n",
        "quorate_operator_reconcile_seconds_bucket{le=\"0.005\"} 0\n",
        "quorate_operator_reconcile_seconds_bucket{le=\"0.01\"} 2\n",
        "quorate_operator_queue_depth 3\n",
        "quorate_operator_leader 1\n",
        "quorate_operator_api_writes_total{kind=\"StatefulSet\"} 1\n",
        "quorate_operator_membership_steps_total{result=\"ok\",step=\"promote\"} 1\n",
        "process_open_fds ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    end.send(()).unwrap();
    run.await.unwrap().unwrap();
}
