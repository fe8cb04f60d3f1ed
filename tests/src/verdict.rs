//! What became of a campaign, in the words of the fault table, from three witnesses: the books, the
//! record, and the messenger's own log.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::messenger::{self, Accepted, Messenger};
use crate::shell;
use crate::world::{Brand, UNTARGETED_MICRO};

/// The columns a fault table has for every verdict.
pub const COLUMNS: [&str; 8] = [
    "attempted",
    "accepted",
    "recorded",
    "billed",
    "lost",
    "duplicated",
    "unknown",
    "seconds",
];

#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Friends the launch counted as reachable.
    pub attempted: u64,
    /// Different people in the messenger's log.
    pub accepted: u64,
    /// Accepted, as recorded by the platform.
    pub recorded: u64,
    pub failed: u64,
    pub excluded: u64,
    pub cancelled: u64,
    /// Recorded as uncertain: not billed.
    pub unknown: u64,
    /// Captured, in micro-units.
    pub billed_micro: i64,
    pub held_micro: i64,
    pub open_micro: i64,
    pub lost: u64,
    /// Acceptances of a person beyond the first.
    pub duplicated: u64,
    /// What `chingu reconcile` complains about.
    pub violations: Vec<String>,
    pub seconds: f64,
}

/// What is asked once for any number of campaigns.
#[derive(Debug)]
pub struct Witnesses {
    log: Vec<Accepted>,
    violations: Vec<String>,
}

impl Witnesses {
    /// The messenger's log and what the books say, as they stand now.
    pub fn ask(brand: &Brand, messenger: &Messenger) -> Result<Self> {
        Ok(Self {
            log: messenger.log()?,
            violations: violations(&shell::reconcile(&brand.data)?)?,
        })
    }
}

impl Verdict {
    pub fn of(brand: &Brand, messenger: &Messenger, campaign: &str, seconds: f64) -> Result<Self> {
        Self::by(&Witnesses::ask(brand, messenger)?, brand, campaign, seconds)
    }

    pub fn by(witnesses: &Witnesses, brand: &Brand, campaign: &str, seconds: f64) -> Result<Self> {
        let shown = brand.show(campaign)?;
        let counted = messenger::count(&witnesses.log, campaign);
        let outcome = |name: &str| number(&shown, name);
        let (recorded, unknown) = (outcome("accepted")?, outcome("uncertain")?);
        let (failed, cancelled) = (outcome("failed")?, outcome("cancelled")?);
        let excluded = outcome("excluded")?;
        let ended = recorded + unknown + failed + cancelled + excluded;
        // Not recorded at all, or recorded as accepted and unknown to the messenger.
        let unrecorded = brand.reachable.saturating_sub(ended);
        Ok(Self {
            attempted: brand.reachable,
            accepted: counted.people,
            recorded,
            failed,
            excluded,
            cancelled,
            unknown,
            billed_micro: micro(&shown, "captured")?,
            held_micro: micro(&shown, "held")?,
            open_micro: micro(&shown, "open")?,
            lost: unrecorded + recorded.saturating_sub(counted.people),
            duplicated: counted.duplicates,
            violations: witnesses.violations.clone(),
            seconds,
        })
    }

    /// What a keyed messenger promises whatever happens: everybody once, everything billed that was
    /// accepted and nothing else, the books closed over exactly one hold.
    pub fn assert_exactly_once(&self) -> Result<()> {
        self.assert_exactly_once_at(UNTARGETED_MICRO)
    }

    /// The same at another price than the usual one, in micro-units.
    pub fn assert_exactly_once_at(&self, price_micro: i64) -> Result<()> {
        self.assert_books_close_at(price_micro)?;
        ensure!(self.lost == 0, "lost: {self:?}");
        ensure!(self.duplicated == 0, "duplicated: {self:?}");
        ensure!(
            self.recorded == self.accepted,
            "recorded is not accepted: {self:?}"
        );
        Ok(())
    }

    /// What a messenger without keys allows: nobody twice, and who is unknown is not billed; the
    /// money for them stays held.
    pub fn assert_at_most_once(&self) -> Result<()> {
        ensure!(
            self.violations.is_empty(),
            "reconcile: {:?}",
            self.violations
        );
        ensure!(self.duplicated == 0 && self.lost == 0, "{self:?}");
        ensure!(self.unknown > 0, "missed: nothing was unknown: {self:?}");
        ensure!(self.recorded <= self.accepted, "recorded more: {self:?}");
        let price = |units: u64| units as i64 * UNTARGETED_MICRO;
        ensure!(
            self.billed_micro == price(self.recorded),
            "billed: {self:?}"
        );
        ensure!(self.open_micro == price(self.unknown), "held: {self:?}");
        Ok(())
    }

    /// This and another campaign's, added up; the seconds are those of the longer one.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            attempted: self.attempted + other.attempted,
            accepted: self.accepted + other.accepted,
            recorded: self.recorded + other.recorded,
            failed: self.failed + other.failed,
            excluded: self.excluded + other.excluded,
            cancelled: self.cancelled + other.cancelled,
            unknown: self.unknown + other.unknown,
            billed_micro: self.billed_micro + other.billed_micro,
            held_micro: self.held_micro + other.held_micro,
            open_micro: self.open_micro + other.open_micro,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
            violations: self.violations.clone(),
            seconds: self.seconds.max(other.seconds),
        }
    }

    /// What holds with every messenger: billed is recorded, nothing stays open, one hold.
    pub fn assert_books_close(&self) -> Result<()> {
        self.assert_books_close_at(UNTARGETED_MICRO)
    }

    fn assert_books_close_at(&self, price_micro: i64) -> Result<()> {
        ensure!(
            self.violations.is_empty(),
            "reconcile: {:?}",
            self.violations
        );
        let price = |units: u64| units as i64 * price_micro;
        ensure!(
            self.billed_micro == price(self.recorded),
            "billed is not recorded: {self:?}"
        );
        ensure!(
            self.held_micro == price(self.attempted),
            "not held once: {self:?}"
        );
        ensure!(self.open_micro == 0, "still held: {self:?}");
        Ok(())
    }

    /// Cells for [`COLUMNS`]; billed in won.
    pub fn cells(&self) -> Vec<String> {
        vec![
            self.attempted.to_string(),
            self.accepted.to_string(),
            self.recorded.to_string(),
            format!("{} KRW", self.billed_micro / 1_000_000),
            self.lost.to_string(),
            self.duplicated.to_string(),
            self.unknown.to_string(),
            format!("{:.1}", self.seconds),
        ]
    }
}

/// Every violation of a reconciliation, with the check it belongs to.
pub fn violations(reconciliation: &Value) -> Result<Vec<String>> {
    let checks = reconciliation["checks"]
        .as_array()
        .context("the checks of a reconciliation")?;
    ensure!(!checks.is_empty(), "a reconciliation that checked nothing");
    let mut found = Vec::new();
    for check in checks {
        let listed = check["violations"]
            .as_array()
            .context("the violations of a check")?;
        found.extend(
            listed
                .iter()
                .map(|words| format!("{}: {words}", check["id"])),
        );
    }
    let is_clean = reconciliation["clean"]
        .as_bool()
        .context("whether it is clean")?;
    ensure!(
        is_clean == found.is_empty(),
        "clean contradicts the list: {reconciliation}"
    );
    Ok(found)
}

fn number(value: &Value, field: &str) -> Result<u64> {
    value[field]
        .as_u64()
        .with_context(|| format!("the number '{field}' in {value}"))
}

fn micro(shown: &Value, field: &str) -> Result<i64> {
    let field = format!("{field}_micro");
    shown[&field]
        .as_i64()
        .with_context(|| format!("the amount '{field}' in {shown}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict() -> Verdict {
        Verdict {
            attempted: 10,
            accepted: 8,
            recorded: 8,
            failed: 2,
            excluded: 0,
            cancelled: 0,
            unknown: 0,
            billed_micro: 8 * UNTARGETED_MICRO,
            held_micro: 10 * UNTARGETED_MICRO,
            open_micro: 0,
            lost: 0,
            duplicated: 0,
            violations: Vec::new(),
            seconds: 1.0,
        }
    }

    #[test]
    fn each_witness_can_fail_a_run() {
        verdict().assert_exactly_once().unwrap();
        let spoilt: [fn(&mut Verdict); 7] = [
            |v| v.lost = 1,
            |v| v.duplicated = 1,
            |v| v.accepted = 9,
            |v| v.billed_micro += 1,
            |v| v.held_micro *= 2,
            |v| v.open_micro = 1,
            |v| v.violations.push("I7: one".to_owned()),
        ];
        for (index, spoil) in spoilt.iter().enumerate() {
            let mut verdict = verdict();
            spoil(&mut verdict);
            assert!(
                verdict.assert_exactly_once().is_err(),
                "spoilt {index} passed"
            );
        }
    }

    #[test]
    fn violations_are_listed_with_their_check() {
        let check = |violations: Value| json!({"id": "I7", "name": "n", "violations": violations});
        let clean = json!({"checks": [check(json!([]))], "clean": true});
        assert_eq!(violations(&clean).unwrap().len(), 0);
        let broken = json!({"checks": [check(json!(["a", "b"]))], "clean": false});
        assert_eq!(
            violations(&broken).unwrap(),
            ["\"I7\": \"a\"", "\"I7\": \"b\""]
        );
        assert!(violations(&json!({"checks": [check(json!(["a"]))], "clean": true})).is_err());
        assert!(violations(&json!({"checks": [], "clean": true})).is_err());
    }
}
