//! A real Prometheus finds brokers and operator by their annotations and answers what somebody on call would ask.

use anyhow::{Result, ensure};
use quorate_e2e::kubernetes::{
    Kubernetes, NAMESPACE, OPERATOR_NAMESPACE, PATIENCE, Prometheus, Traffic, demo, lint, name_of,
    text, with_own_kubernetes,
};

/// Queries, and what the value must be.
struct Question {
    asks: &'static str,
    query: &'static str,
    is_right: fn(f64) -> bool,
}

const QUESTIONS: [Question; 5] = [
    Question {
        asks: "how many brokers answer",
        query: r#"count(up{namespace="quorate-e2e"} == 1)"#,
        is_right: |value| value == 3.0,
    },
    Question {
        asks: "does every group have exactly one leader",
        query: r#"max(sum by (group) (quorate_raft_leader{namespace="quorate-e2e"}))"#,
        is_right: |value| value == 1.0,
    },
    Question {
        asks: "is anything being published",
        query: r#"sum(rate(quorate_messages_total{namespace="quorate-e2e"}[10s]))"#,
        is_right: |value| value > 0.0,
    },
    Question {
        asks: "how long do acknowledgements take",
        query: r#"histogram_quantile(0.99, sum by (le) (rate(quorate_publish_ack_seconds_bucket{namespace="quorate-e2e"}[10s])))"#,
        is_right: |value| value > 0.0 && value < 5.0,
    },
    Question {
        asks: "does exactly one operator act, and is it done",
        query: r#"sum(quorate_operator_leader{namespace="quorate-system"}) - sum(quorate_operator_queue_depth{namespace="quorate-system"})"#,
        is_right: |value| value == 1.0,
    },
];

#[test]
fn prometheus_answers_five_questions_of_somebody_on_call() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let prometheus = Prometheus::start(kubernetes)?;
        let traffic = Traffic::start(&broker.node_ports("mqtt")?)?;
        for question in QUESTIONS {
            let mut last = Vec::new();
            let answered = kubernetes.until(question.asks, PATIENCE, || {
                last = prometheus.ask(question.query)?;
                Ok(last
                    .iter()
                    .find(|(_, value)| (question.is_right)(*value))
                    .cloned())
            });
            let (_, value) =
                answered.map_err(|error| error.context(format!("{}: {last:?}", question.query)))?;
            println!("{}: {value}", question.asks);
        }
        traffic.finish().map(drop)
    })
}

#[test]
fn every_page_of_metrics_is_clean() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        demo(kubernetes)?;
        for space in [NAMESPACE, OPERATOR_NAMESPACE] {
            let mut pages = 0;
            for pod in kubernetes
                .api()
                .list(&format!("/api/v1/namespaces/{space}/pods"))?
            {
                let annotation = |name: &str| {
                    text(
                        &pod,
                        &format!("/metadata/annotations/prometheus.io~1{name}"),
                    )
                };
                if annotation("scrape") != "true" {
                    continue;
                }
                page_is_clean(
                    kubernetes,
                    space,
                    &name_of(&pod),
                    &annotation("port"),
                    &annotation("path"),
                )?;
                pages += 1;
            }
            ensure!(pages > 0, "nothing in {space} asks to be scraped");
        }
        Ok(())
    })
}

fn page_is_clean(
    kubernetes: &Kubernetes,
    space: &str,
    pod: &str,
    port: &str,
    path: &str,
) -> Result<()> {
    let path = if path.is_empty() { "/metrics" } else { path };
    let page = format!("/api/v1/namespaces/{space}/pods/{pod}:{port}/proxy{path}");
    let findings = lint(&kubernetes.api().text(&page)?)?;
    ensure!(findings.is_empty(), "{pod}: {findings}");
    Ok(())
}
