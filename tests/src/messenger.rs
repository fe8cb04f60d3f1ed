//! The sandbox messenger as a process of its own, never killed: its accept log is the oracle.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
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

/// The same as it stands in the log.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub push_key: &'a str,
    pub campaign: &'a str,
    pub user_key: &'a str,
    pub at: &'a str,
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
    program: Option<Program>,
}

impl Messenger {
    /// Starts a process with faults in the words of `chingu sandbox --fault`, telling the platform
    /// at `platform` what its friends do.
    pub fn start(folder: &Path, platform: SocketAddr, faults: &[&str]) -> Result<Self> {
        Self::start_within(folder, platform, faults, &[])
    }

    /// The same, finding these variables in its environment.
    pub fn start_within(
        folder: &Path,
        platform: SocketAddr,
        faults: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let mut recipe = Recipe::new(folder, "messenger", &["sandbox"])?
            .with("CHINGU_GATEWAY__TOKEN", TOKEN)
            .with("CHINGU_GATEWAY__SECRET", SECRET)
            .with(
                "CHINGU_SANDBOX__EVENTS_URL",
                format!("http://{platform}/gateway/v1/events"),
            );
        for (variable, value) in environment {
            recipe = recipe.with(variable, value);
        }
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
            program: Some(program),
        })
    }

    /// The role inside a platform that may be killed and started again on the same address.
    pub fn inside(platform: &Recipe) -> Self {
        Self {
            address: platform.listen,
            data: platform.data.clone(),
            program: None,
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

    /// Its process; `None` where it lives inside the platform's.
    pub fn process(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
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

    /// Besides, a share of what was accepted and not told of is told of.
    pub fn resolve_accepted(&self, confirmed: f64, accepted: f64) -> Result<Value> {
        self.control(
            "POST",
            "resolve_uncertain",
            &json!({ "confirmed": confirmed, "accepted": accepted }).to_string(),
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

/// The same line by line, for logs that are too long to be kept.
pub fn for_each_accepted(data: &Path, mut take: impl FnMut(&Line<'_>) -> Result<()>) -> Result<()> {
    let mut export = shell::spawn(data, &["sandbox", "log"])?;
    let output = export.stdout.take().context("the log's output")?;
    let mut output = BufReader::with_capacity(1 << 20, output);
    let mut text = String::new();
    output.read_line(&mut text)?;
    check_header(text.trim_end())?;
    loop {
        text.clear();
        if output.read_line(&mut text)? == 0 {
            break;
        }
        take(&Line::parse(text.trim_end())?)?;
    }
    let ended = export.wait_with_output()?;
    ensure!(
        ended.status.success(),
        "chingu sandbox log: {}",
        ended.status
    );
    Ok(())
}

/// Whom a messenger accepted of campaigns of which each has so many recipients, by a log that is
/// too long to be kept.
pub fn count_all(data: &Path, campaigns: &[(String, u64)]) -> Result<Counted> {
    let sizes: HashMap<&str, u64> = campaigns
        .iter()
        .map(|(campaign, people)| (campaign.as_str(), *people))
        .collect();
    let mut counted = Counted::default();
    // The log is in the order of acceptance: what is complete need not be kept.
    let mut open: HashMap<String, HashSet<u128>> = HashMap::new();
    let mut complete: HashSet<String> = HashSet::new();
    for_each_accepted(data, |line| {
        let Some(size) = sizes.get(line.campaign) else {
            return Ok(());
        };
        if complete.contains(line.campaign) {
            counted.duplicates += 1;
            return Ok(());
        }
        if !open.contains_key(line.campaign) {
            open.insert(line.campaign.to_owned(), HashSet::new());
        }
        let people = open.get_mut(line.campaign).context("a campaign")?;
        let digits = line.user_key.get(1..).context("a user key")?;
        match people.insert(u128::from_str_radix(digits, 16).context("a user key")?) {
            true => counted.people += 1,
            false => counted.duplicates += 1,
        }
        if people.len() as u64 == *size {
            open.remove(line.campaign);
            complete.insert(line.campaign.to_owned());
        }
        Ok(())
    })?;
    Ok(counted)
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
    check_header(lines.next().unwrap_or(""))?;
    let accepted = |line: &str| {
        let line = Line::parse(line)?;
        Ok(Accepted {
            push_key: line.push_key.to_owned(),
            campaign: line.campaign.to_owned(),
            user_key: line.user_key.to_owned(),
            at: line.at.to_owned(),
        })
    };
    lines.map(accepted).collect()
}

fn check_header(header: &str) -> Result<()> {
    ensure!(
        header == "push_key,campaign,user_key,at",
        "the log's header is {header:?}"
    );
    Ok(())
}

impl<'a> Line<'a> {
    /// Keys of these suites need no quotes.
    fn parse(line: &'a str) -> Result<Self> {
        let mut cells = line.split(',');
        let mut cell = || {
            let next = cells.next();
            next.with_context(|| format!("a line of the log: {line:?}"))
        };
        let parsed = Self {
            push_key: cell()?,
            campaign: cell()?,
            user_key: cell()?,
            at: cell()?,
        };
        ensure!(cells.next().is_none(), "a line of the log: {line:?}");
        Ok(parsed)
    }
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
