//! The sandbox messenger as a process of its own, never killed: its accept log is the oracle.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::program::{Program, Recipe};
use crate::{http, shell};

/// One acceptance by the messenger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub push_key: String,
    pub campaign: String,
    pub user_key: String,
    pub at: String,
}

/// What a messenger accepted of one campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Different people.
    pub people: u64,
    /// Acceptances beyond the first of the same person.
    pub duplicates: u64,
}

/// Token and secret that platform and messenger share in these suites.
pub const TOKEN: &str = "suite-token";
pub const SECRET: &str = "suite-secret-of-32-characters-or-so";

/// A sandbox messenger: a process of its own, or the role inside a platform.
#[derive(Debug)]
pub struct Messenger {
    address: SocketAddr,
    data: PathBuf,
    /// `None` where it lives inside the platform's process.
    _program: Option<Program>,
}

impl Messenger {
    /// Starts a process with faults in the words of `chingu sandbox --fault`, telling the platform
    /// at `platform` what its friends do.
    pub fn start(folder: &Path, platform: SocketAddr, faults: &[&str]) -> Result<Self> {
        let mut recipe = Recipe::new(folder, "messenger", &["sandbox"])?
            .with("CHINGU_GATEWAY__TOKEN", TOKEN)
            .with("CHINGU_GATEWAY__SECRET", SECRET)
            .with(
                "CHINGU_SANDBOX__EVENTS_URL",
                format!("http://{platform}/gateway/v1/events"),
            );
        for fault in faults {
            recipe
                .arguments
                .extend(["--fault".to_owned(), (*fault).to_owned()]);
        }
        // Who has no token is refused, by a sandbox that listens.
        recipe.ready = ("/messenger/control/summary", 401);
        let program = recipe.start()?;
        Ok(Self {
            address: program.address(),
            data: program.recipe().data.clone(),
            _program: Some(program),
        })
    }

    /// The role inside a platform that may be killed and started again on the same address.
    pub fn inside(platform: &Recipe) -> Self {
        Self {
            address: platform.listen,
            data: platform.data.clone(),
            _program: None,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the platform pushes to.
    pub fn gateway_url(&self) -> String {
        format!("http://{}/messenger/gateway", self.address)
    }

    /// From now on these faults and no others; how often each struck so far.
    pub fn misbehave(&self, faults: &[&str]) -> Result<Value> {
        self.control("PUT", "faults", &json!({ "faults": faults }).to_string())
    }

    /// How often each fault struck since the start.
    pub fn struck(&self) -> Result<HashMap<String, u64>> {
        let shown = self.control("GET", "faults", "")?;
        serde_json::from_value(shown["struck"].clone()).with_context(|| format!("struck: {shown}"))
    }

    /// Its totals: pushes, distinctKeys, accepted, uncertain, confirmed, closedKeys.
    pub fn summary(&self) -> Result<Value> {
        self.control("GET", "summary", "")
    }

    /// Sends events to the platform, signed; the platform's answer.
    pub fn tell(&self, events: &[Value]) -> Result<Value> {
        self.control("POST", "events", &json!({ "events": events }).to_string())
    }

    /// Where it keeps its file.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Acceptances so far, of all campaigns.
    pub fn accepted(&self) -> Result<u64> {
        let shown = self.summary()?;
        shown["accepted"]
            .as_u64()
            .with_context(|| format!("accepted: {shown}"))
    }

    /// Whoever was uncertain is told now: that share was delivered after all.
    pub fn resolve_uncertain(&self, confirmed: f64) -> Result<Value> {
        self.control(
            "POST",
            "resolve_uncertain",
            &json!({ "confirmed": confirmed }).to_string(),
        )
    }

    /// The accept log of the running process.
    pub fn log(&self) -> Result<Vec<Accepted>> {
        accept_log(&self.data)
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let authorization = format!("Bearer {TOKEN}");
        let headers = [
            ("Authorization", &*authorization),
            ("Content-Type", "application/json"),
        ];
        let path = format!("/messenger/control/{path}");
        let answer = http::request(self.address, method, &path, &headers, body)?;
        // 202: the platform's own answer to events.
        if !matches!(answer.status, 200 | 202) {
            bail!("{method} {path}: {} {}", answer.status, answer.body);
        }
        serde_json::from_str(&answer.body).with_context(|| format!("{method} {path}"))
    }
}

/// `chingu sandbox log` over the data folder of a sandbox, running or not.
pub fn accept_log(data: &Path) -> Result<Vec<Accepted>> {
    let output = shell::run(data, &["sandbox", "log"])?;
    if !output.status.success() {
        bail!(
            "chingu sandbox log: {}\n{}",
            output.status,
            shell::words(&output)
        );
    }
    parse(&String::from_utf8(output.stdout).context("the log is UTF-8")?)
}

/// Acceptances of one campaign, by person: a person is accepted once, in whatever push.
pub fn count(log: &[Accepted], campaign: &str) -> Counted {
    let mut by_person: HashMap<&str, u64> = HashMap::new();
    for accepted in log.iter().filter(|accepted| accepted.campaign == campaign) {
        *by_person.entry(&accepted.user_key).or_default() += 1;
    }
    Counted {
        people: by_person.len() as u64,
        duplicates: by_person.values().map(|times| times - 1).sum(),
    }
}

/// When the last acceptance of a campaign was, in milliseconds since 1970.
pub fn last_accepted_ms(log: &[Accepted], campaign: &str) -> Result<Option<i64>> {
    let of_campaign = log.iter().filter(|accepted| accepted.campaign == campaign);
    let times = of_campaign.map(|accepted| Ok(Timestamp::parse_rfc3339(&accepted.at)?.as_millis()));
    Ok(times.collect::<Result<Vec<_>>>()?.into_iter().max())
}

fn parse(csv: &str) -> Result<Vec<Accepted>> {
    let mut lines = csv.lines();
    let header = lines.next().unwrap_or("");
    if header != "push_key,campaign,user_key,at" {
        bail!("the log's header is {header:?}");
    }
    let accepted = |line: &str| {
        // Keys of these suites need no quotes.
        let cells: Vec<&str> = line.split(',').collect();
        let [push_key, campaign, user_key, at] = cells[..] else {
            bail!("a line of the log: {line:?}");
        };
        Ok(Accepted {
            push_key: push_key.to_owned(),
            campaign: campaign.to_owned(),
            user_key: user_key.to_owned(),
            at: at.to_owned(),
        })
    };
    lines.map(accepted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "push_key,campaign,user_key,at\nk1,cmp_a,U1,t\nk1,cmp_a,U2,t\n\
        k2,cmp_a,U1,t\nk3,cmp_b,U1,t\n";

    #[test]
    fn a_person_accepted_again_is_a_duplicate_whatever_the_push() {
        let log = parse(LOG).unwrap();
        assert_eq!(
            count(&log, "cmp_a"),
            Counted {
                people: 2,
                duplicates: 1
            }
        );
        assert_eq!(
            count(&log, "cmp_b"),
            Counted {
                people: 1,
                duplicates: 0
            }
        );
        assert_eq!(count(&log, "cmp_c"), Counted::default());
    }

    #[test]
    fn another_shape_of_log_is_refused() {
        assert!(parse("key,campaign\n").is_err());
        assert!(parse("push_key,campaign,user_key,at\nk1,cmp_a\n").is_err());
    }
}
