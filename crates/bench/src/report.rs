//! The figures of a run, as a table and as JSON. The keys are fixed: others compare by them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::scenario::Scenario;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BroadcastReport {
    pub engine: &'static str,
    pub scenario: Scenario,
    pub friends: u64,
    /// Accepted by the record.
    pub sends: u64,
    /// Refused by the messenger for good, and left out by the gate.
    pub failed: u64,
    pub excluded: u64,
    /// From the launch request to the last capture committed.
    pub seconds: f64,
    pub sends_per_second: f64,
    /// From the first claim to the last settle.
    pub dispatch_sends_per_second: f64,
    /// From the launch request to the messenger's first acceptance.
    pub first_push_seconds: f64,
    pub freeze_per_second: f64,
    /// `None` where a server's share of the work cannot be known.
    pub roofline_sends_per_second: Option<f64>,
    pub roofline_ratio: Option<f64>,
    /// Of the program's processes, the peaks of all added up; the messenger's is not counted.
    pub peak_memory_bytes: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub billed_micro: i64,
    /// What going through all the books takes afterwards.
    pub reconcile_seconds: f64,
    pub cpu_us_per_send: CpuPerSend,
    pub bytes_per_send: BytesPerSend,
    pub broker: BrokerCounts,
    /// How often the gate looked for changes of reach: once for each push.
    pub gate_reads: u64,
    /// What a commit had survived, had the power failed: the engine's settings by their names.
    pub durability: BTreeMap<&'static str, String>,
}

/// CPU time by process group, in microseconds per send; `None` for a server that is not on this
/// machine, zero for one that the run does not have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CpuPerSend {
    pub chingu: f64,
    pub postgres: Option<f64>,
    pub broker: Option<f64>,
    pub sink: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BytesPerSend {
    pub table: f64,
    pub wal: f64,
}

/// Confirmed by the broker, delivered by it, acknowledged to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BrokerCounts {
    pub published: u64,
    pub delivered: u64,
    pub acknowledged: u64,
}

/// Something a broadcast must never do, in words.
impl BroadcastReport {
    pub fn violations(&self, due_micro: i64) -> Vec<String> {
        let mut words = Vec::new();
        if self.lost > 0 {
            words.push(format!("{} were lost", self.lost));
        }
        if self.duplicated > 0 {
            words.push(format!("{} were sent twice", self.duplicated));
        }
        let recorded = self.sends + self.failed + self.excluded;
        if recorded != self.friends {
            words.push(format!(
                "{recorded} of {} friends are recorded",
                self.friends
            ));
        }
        if self.billed_micro != due_micro {
            words.push(format!(
                "{} micro-units are billed, not {due_micro}",
                self.billed_micro
            ));
        }
        words
    }
}

impl fmt::Display for BroadcastReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<34}{value:>16}");
        line("engine", self.engine.to_owned())?;
        line("accounts", grouped(f64::from(self.scenario.accounts)))?;
        line(
            "recipients of a request",
            grouped(f64::from(self.scenario.batch_max)),
        )?;
        line("friends", grouped(self.friends as f64))?;
        line("sends", grouped(self.sends as f64))?;
        line("  refused for good", grouped(self.failed as f64))?;
        line("  left out by the gate", grouped(self.excluded as f64))?;
        line(
            "seconds, launch to last capture",
            format!("{:.3}", self.seconds),
        )?;
        line("sends per second", grouped(self.sends_per_second))?;
        line(
            "  of the dispatch phase alone",
            grouped(self.dispatch_sends_per_second),
        )?;
        line(
            "first push, seconds",
            format!("{:.3}", self.first_push_seconds),
        )?;
        line("freeze per second", grouped(self.freeze_per_second))?;
        line(
            "roofline, sends per second",
            or_unknown(self.roofline_sends_per_second, grouped),
        )?;
        let percent = |ratio| format!("{:.1} %", ratio * 100.0);
        line("  of it reached", or_unknown(self.roofline_ratio, percent))?;
        line(
            "peak memory, MB",
            format!("{:.1}", self.peak_memory_bytes as f64 / 1e6),
        )?;
        line("lost", grouped(self.lost as f64))?;
        line("duplicated", grouped(self.duplicated as f64))?;
        line("billed, micro-units", grouped(self.billed_micro as f64))?;
        line(
            "books gone through, seconds",
            format!("{:.3}", self.reconcile_seconds),
        )?;
        let cpu = &self.cpu_us_per_send;
        let micros = |micros| format!("{micros:.3}");
        line("CPU per send, µs: chingu", micros(cpu.chingu))?;
        line("  postgres", or_unknown(cpu.postgres, micros))?;
        line("  broker", or_unknown(cpu.broker, micros))?;
        line("  sink", micros(cpu.sink))?;
        line(
            "bytes per send: table",
            format!("{:.2}", self.bytes_per_send.table),
        )?;
        line(
            "  write-ahead log",
            format!("{:.2}", self.bytes_per_send.wal),
        )?;
        line("broker: published", grouped(self.broker.published as f64))?;
        line("  delivered", grouped(self.broker.delivered as f64))?;
        line("  acknowledged", grouped(self.broker.acknowledged as f64))?;
        line("gate reads", grouped(self.gate_reads as f64))?;
        write!(f, "durability")?;
        for (setting, value) in &self.durability {
            write!(f, "\n  {setting:<32}{value:>16}")?;
        }
        Ok(())
    }
}

fn or_unknown(value: Option<f64>, shown: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "unknown".to_owned(), shown)
}

/// `1,234,567`, rounded to whole ones.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> BroadcastReport {
        BroadcastReport {
            engine: "embedded",
            scenario: Scenario::default(),
            friends: 1_000_000,
            sends: 1_000_000,
            failed: 0,
            excluded: 0,
            seconds: 2.5,
            sends_per_second: 400_000.0,
            dispatch_sends_per_second: 500_000.0,
            first_push_seconds: 0.4,
            freeze_per_second: 900_000.0,
            roofline_sends_per_second: Some(800_000.0),
            roofline_ratio: Some(0.5),
            peak_memory_bytes: 90_000_000,
            lost: 0,
            duplicated: 0,
            billed_micro: 15_000_000_000_000,
            reconcile_seconds: 1.0,
            cpu_us_per_send: CpuPerSend {
                chingu: 2.0,
                postgres: Some(0.0),
                broker: Some(0.0),
                sink: 0.5,
            },
            bytes_per_send: BytesPerSend {
                table: 26.0,
                wal: 60.0,
            },
            broker: BrokerCounts {
                published: 1_000,
                delivered: 1_000,
                acknowledged: 1_000,
            },
            gate_reads: 1_000,
            durability: BTreeMap::from([
                ("journal_mode", "wal".into()),
                ("synchronous", "full".into()),
            ]),
        }
    }

    #[test]
    fn the_keys_are_those_others_compare_by() {
        let json = serde_json::to_value(report()).unwrap();
        let keys: Vec<&str> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected = [
            "engine",
            "scenario",
            "friends",
            "sends",
            "failed",
            "excluded",
            "seconds",
            "sends_per_second",
            "dispatch_sends_per_second",
            "first_push_seconds",
            "freeze_per_second",
            "roofline_sends_per_second",
            "roofline_ratio",
            "peak_memory_bytes",
            "lost",
            "duplicated",
            "billed_micro",
            "reconcile_seconds",
            "cpu_us_per_send",
            "bytes_per_send",
            "broker",
            "gate_reads",
            "durability",
        ];
        expected.sort_unstable();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        for key in ["chingu", "postgres", "broker", "sink"] {
            assert!(json["cpu_us_per_send"][key].is_number(), "{key}");
        }
        for key in ["published", "delivered", "acknowledged"] {
            assert!(json["broker"][key].is_number(), "{key}");
        }
        assert!(json["bytes_per_send"]["table"].is_number());
        assert!(json["bytes_per_send"]["wal"].is_number());
    }

    #[test]
    fn what_must_never_happen_is_said() {
        let due = report().billed_micro;
        assert_eq!(report().violations(due), Vec::<String>::new());
        let wrong = [
            (
                BroadcastReport {
                    lost: 1,
                    ..report()
                },
                "lost",
            ),
            (
                BroadcastReport {
                    duplicated: 2,
                    ..report()
                },
                "twice",
            ),
            (
                BroadcastReport {
                    sends: 999_999,
                    ..report()
                },
                "recorded",
            ),
            (
                BroadcastReport {
                    billed_micro: due - 1,
                    ..report()
                },
                "billed",
            ),
        ];
        for (report, words) in wrong {
            let violations = report.violations(due);
            assert!(
                violations.len() == 1 && violations[0].contains(words),
                "{violations:?}"
            );
        }
    }

    #[test]
    fn the_table_has_every_figure() {
        let table = report().to_string();
        for words in ["1,000,000", "400,000", "50.0 %", "90.0", "26.00", "full"] {
            assert!(table.contains(words), "{words} in\n{table}");
        }
        assert!(!table.contains("unknown"), "{table}");
    }

    #[test]
    fn what_cannot_be_known_is_said_so() {
        let mut report = report();
        report.cpu_us_per_send.postgres = None;
        report.roofline_sends_per_second = None;
        report.roofline_ratio = None;
        assert_eq!(report.to_string().matches("unknown").count(), 3);
        let json = serde_json::to_value(&report).unwrap();
        assert!(json["cpu_us_per_send"]["postgres"].is_null());
        assert!(json["roofline_ratio"].is_null());
    }
}
