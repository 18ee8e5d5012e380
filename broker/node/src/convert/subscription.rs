//! `Subscription`.

use quorate_codec::{RetainHandling, SubscriptionOptions};
use quorate_proto::log;
use quorate_shard::Subscription;

use super::malformed::Malformed;
use super::message::decode_qos;

pub(super) fn encode(subscription: &Subscription) -> log::Subscription {
    let options = subscription.options;
    log::Subscription {
        filter: String::from(&*subscription.filter),
        qos: options.qos as u32,
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: options.retain_handling as u32,
        identifier: subscription.identifier,
    }
}

pub(super) fn decode(subscription: log::Subscription) -> Result<Subscription, Malformed> {
    Ok(Subscription {
        filter: subscription.filter.into(),
        options: SubscriptionOptions {
            qos: decode_qos(subscription.qos)?,
            no_local: subscription.no_local,
            retain_as_published: subscription.retain_as_published,
            retain_handling: decode_retain_handling(subscription.retain_handling)?,
        },
        identifier: subscription.identifier,
    })
}

fn decode_retain_handling(value: u32) -> Result<RetainHandling, Malformed> {
    match value {
        0 => Ok(RetainHandling::Send),
        1 => Ok(RetainHandling::SendIfNew),
        2 => Ok(RetainHandling::Never),
        _ => Err(Malformed::Range {
            field: "retain_handling",
            value: value.into(),
        }),
    }
}
