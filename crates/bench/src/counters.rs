//! What the program's processes count of themselves, as their `/metrics` tell it.

use anyhow::Context;

use crate::process::Server;
use crate::report::BrokerCounts;

/// The counters of every process, as of one moment.
pub struct Counters(Vec<String>);

impl Counters {
    pub async fn of(servers: &[Server]) -> anyhow::Result<Self> {
        let mut texts = Vec::with_capacity(servers.len());
        // On this machine: no authority is asked.
        let client = reqwest::Client::builder().tls_certs_only([]).build()?;
        for server in servers {
            let address = format!("{}/metrics", server.url);
            texts.push(client.get(address).send().await?.text().await?);
        }
        Ok(Self(texts))
    }

    /// Somebody leads, and everybody's broker takes messages: a launch is acted on at once.
    pub fn are_ready(&self) -> bool {
        let leads = self.values("chingu_leader_epoch").any(|epoch| epoch > 0.0);
        let reached: Vec<f64> = self.values("chingu_broker_available").collect();
        leads && reached.len() == self.0.len() && !reached.contains(&0.0)
    }

    pub fn broker(&self) -> anyhow::Result<BrokerCounts> {
        Ok(BrokerCounts {
            published: self.sum("chingu_broker_published_total")?,
            delivered: self.sum("chingu_broker_delivered_total")?,
            acknowledged: self.sum("chingu_broker_acknowledged_total")?,
        })
    }

    pub fn gate_reads(&self) -> anyhow::Result<u64> {
        self.sum("chingu_gate_reads_total")
    }

    /// Over all processes; one that nobody counts is an error.
    fn sum(&self, counter: &str) -> anyhow::Result<u64> {
        let counted: Vec<f64> = self.values(counter).collect();
        let any = (!counted.is_empty()).then(|| counted.iter().sum::<f64>() as u64);
        any.with_context(|| format!("no process counts {counter}"))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        let value = move |line: &str| {
            let value = line.strip_prefix(name)?.strip_prefix(' ')?;
            value.parse().ok()
        };
        self.0
            .iter()
            .filter_map(move |text| text.lines().find_map(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_added_up_and_ready_together() {
        let scheduler = "# TYPE chingu_broker_published_total counter\n\
             chingu_broker_published_total 40\nchingu_leader_epoch 3\nchingu_broker_available 1\n";
        let worker = "chingu_broker_available 1\nchingu_broker_delivered_total 21\n\
             chingu_broker_acknowledged_total 20\nchingu_gate_reads_total 20\n";
        let counters = |texts: &[&str]| Counters(texts.iter().map(|t| (*t).to_owned()).collect());
        let all = counters(&[scheduler, worker, worker]);
        assert!(all.are_ready());
        let expected = BrokerCounts {
            published: 40,
            delivered: 42,
            acknowledged: 40,
        };
        assert_eq!(all.broker().unwrap(), expected);
        assert_eq!(all.gate_reads().unwrap(), 40);
        assert!(counters(&[scheduler]).broker().is_err());
        let away = worker.replace("available 1", "available 0");
        let not_leading = scheduler.replace("epoch 3", "epoch 0");
        for wrong in [[scheduler, &away], [&not_leading, worker], [scheduler, ""]] {
            assert!(!counters(&wrong).are_ready(), "{wrong:?}");
        }
    }
}
