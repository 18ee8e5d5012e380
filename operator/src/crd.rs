//! `MqttCluster` as Kubernetes stores it. Types and their documentation only; nothing here decides.
