//! Loads as mosquitto tells them: how many of something a minute, as moving averages over 1, 5 and 15
//! minutes, the recent past weighing more.

use tokio::time::Instant;

use super::reading::Reading;

/// Minutes that are averaged over.
pub(super) const MINUTES: [u32; 3] = [1, 5, 15];

/// A load: its name, and the total that it is the growth of.
pub(super) type Load = (&'static str, fn(&Reading) -> u64);

/// All that is told.
pub(super) const LOADS: [Load; 9] = [
    ("messages/received", |r| r.packets_received),
    ("messages/sent", |r| r.packets_sent),
    ("publish/received", |r| r.publish_received),
    ("publish/sent", |r| r.publish_sent),
    ("publish/dropped", |r| r.publish_dropped),
    ("bytes/received", |r| r.bytes_received),
    ("bytes/sent", |r| r.bytes_sent),
    ("sockets", |r| r.sockets),
    ("connections", |r| r.connections),
];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Averages {
    last: Option<(Instant, [u64; LOADS.len()])>,
    values: [[f64; MINUTES.len()]; LOADS.len()],
}

impl Averages {
    /// Takes the totals of `now` in.
    #[allow(clippy::cast_precision_loss, reason = "averages are no exact numbers")]
    pub(super) fn update(&mut self, now: Instant, reading: &Reading) {
        let totals = LOADS.map(|(_, total)| total(reading));
        let Some((then, before)) = self.last.replace((now, totals)) else {
            return;
        };
        let minutes = now.duration_since(then).as_secs_f64() / 60.0;
        if minutes <= 0.0 {
            return;
        }
        for ((values, total), before) in self.values.iter_mut().zip(totals).zip(before) {
            let rate = total.saturating_sub(before) as f64 / minutes;
            for (value, over) in values.iter_mut().zip(MINUTES) {
                let keeps = (-minutes / f64::from(over)).exp();
                *value = rate + keeps * (*value - rate);
            }
        }
    }

    /// The averages of one of [`LOADS`], by its place.
    pub(super) fn of(&self, load: usize) -> [f64; MINUTES.len()] {
        self.values[load]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_steady_load_is_told_after_a_while_and_forgotten_later() {
        let mut averages = Averages::default();
        let (mut now, mut sent) = (Instant::now(), 0);
        let mut run = |averages: &mut Averages, each: u64, ticks: u32| {
            for _ in 0..ticks {
                now += Duration::from_secs(10);
                sent += each;
                let reading = Reading {
                    publish_sent: sent,
                    ..Reading::default()
                };
                averages.update(now, &reading);
            }
        };
        run(&mut averages, 100, 60);
        let [one, five, fifteen] = averages.of(3);
        assert!((one - 600.0).abs() < 1.0, "{one}");
        assert!(
            one > five && five > fifteen && fifteen > 200.0,
            "{five} {fifteen}"
        );
        run(&mut averages, 0, 60);
        let [one, five, fifteen] = averages.of(3);
        assert!(
            one < 1.0 && one < five && five < fifteen,
            "{one} {five} {fifteen}"
        );
        assert_eq!(averages.of(0), [0.0; 3]);
    }
}
