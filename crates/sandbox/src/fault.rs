//! How the sandbox misbehaves, and the words to ask for it.
//!
//! A specification is a list of parts with commas between, of the whole process or, with
//! `account=@handle:` in front, of one account's pushes; an account begins with the process's
//! faults. Shares are of 1.
//!
//! | part | what happens |
//! |---|---|
//! | `latency=50ms` | every request takes that much longer |
//! | `speed=2000` | recipients per second are processed, the others wait their turn |
//! | `5xx=0.3` | 500 before processing; the caller cannot know |
//! | `5xx_after=0.3` | 500 after processing |
//! | `429=0.1`, `503=0.1` | not processed, with Retry-After; 503 says so |
//! | `401=1`, `400=0.1` | not processed |
//! | `retry_after=1s` | what 429, 503 and 409 ask for |
//! | `drop_answer=0.3` | processed, then the connection is cut |
//! | `truncate=0.1` | processed, then the answer is cut in half |
//! | `wrong=0.1` | processed, then an answer that does not add up or is of another key |
//! | `reject=0.03:blocked,left` | that share of recipients is rejected (without codes: any) |
//! | `uncertain=0.001` | that share of recipients is answered as uncertain |
//! | `guarantee=Q` | K deduplicates by key, Q answers GET only, N neither |
//! | `settles=2s` | with Q: GET knows a push only after that long |
//! | `batch=1` | larger requests are refused with 400 |
//! | `down` | every connection is cut before anything is read |
//! | `seed=7` | of all draws; process only |

use std::collections::BTreeMap;
use std::time::Duration;

use domain::capability::Guarantee;
use domain::handle::Handle;
use domain::outcome::RejectionCode;

/// Longer waits are a typing error.
pub const FAULT_DURATION_MAX: Duration = Duration::from_secs(3_600);
/// Specifications in one plan.
pub const SPECS_MAX: usize = 100;
const DEFAULT_SEED: u64 = 1;
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the sandbox does, asked for by a list of specifications.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultPlan {
    pub specs: Vec<String>,
    pub seed: u64,
    pub process: Faults,
    /// By handle.
    pub accounts: BTreeMap<String, Faults>,
}

/// The misbehaviour of the process or of one account.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    pub latency: Duration,
    /// Recipients per second.
    pub speed: Option<u32>,
    pub server_error: f64,
    pub server_error_after: f64,
    pub throttled: f64,
    pub unavailable: f64,
    pub unauthorized: f64,
    pub bad_request: f64,
    pub retry_after: Duration,
    pub drop_answer: f64,
    pub truncate: f64,
    pub wrong: f64,
    pub reject: f64,
    pub reject_codes: Vec<RejectionCode>,
    pub uncertain: f64,
    pub guarantee: Guarantee,
    pub settles: Duration,
    pub batch_max: u32,
    pub down: bool,
}

/// A specification that cannot be followed: say so before starting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("fault '{0}' is not known: expected one of {KNOWN}")]
    Unknown(String),
    #[error("fault '{name}={value}': expected {expected}")]
    Value {
        name: String,
        value: String,
        expected: &'static str,
    },
    #[error("{0} add up to more than 1")]
    Shares(&'static str),
    #[error("'account={0}': expected account=@handle: and faults")]
    Account(String),
    #[error("'seed' is of the whole process, not of an account")]
    SeedOfAccount,
    #[error("more than {SPECS_MAX} fault specifications")]
    TooMany,
}

const KNOWN: &str = "latency, speed, 5xx, 5xx_after, 429, 503, 401, 400, retry_after, drop_answer, \
    truncate, wrong, reject, uncertain, guarantee, settles, batch, down, seed";

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            speed: None,
            server_error: 0.0,
            server_error_after: 0.0,
            throttled: 0.0,
            unavailable: 0.0,
            unauthorized: 0.0,
            bad_request: 0.0,
            retry_after: DEFAULT_RETRY_AFTER,
            drop_answer: 0.0,
            truncate: 0.0,
            wrong: 0.0,
            reject: 0.0,
            reject_codes: RejectionCode::ALL.to_vec(),
            uncertain: 0.0,
            guarantee: Guarantee::Keyed,
            settles: Duration::ZERO,
            batch_max: gateway::RECIPIENTS_MAX as u32,
            down: false,
        }
    }
}

impl FaultPlan {
    pub fn parse<S: AsRef<str>>(specs: &[S]) -> Result<Self, FaultError> {
        if specs.len() > SPECS_MAX {
            return Err(FaultError::TooMany);
        }
        let mut plan = Self {
            specs: specs.iter().map(|spec| spec.as_ref().to_owned()).collect(),
            seed: DEFAULT_SEED,
            process: Faults::default(),
            accounts: BTreeMap::new(),
        };
        let (of_accounts, of_process): (Vec<&str>, Vec<&str>) = specs
            .iter()
            .map(|spec| spec.as_ref().trim())
            .partition(|spec| spec.starts_with("account="));
        for spec in of_process {
            plan.process.apply(spec, Some(&mut plan.seed))?;
        }
        plan.process.check_shares()?;
        for spec in of_accounts {
            let malformed = || FaultError::Account(short(&spec["account=".len()..]));
            let (handle, parts) = spec["account=".len()..]
                .split_once(':')
                .ok_or_else(malformed)?;
            let handle = Handle::parse(handle).map_err(|_| malformed())?;
            let faults = plan
                .accounts
                .entry(handle.to_string())
                .or_insert_with(|| plan.process.clone());
            faults.apply(parts, None)?;
            faults.check_shares()?;
        }
        Ok(plan)
    }

    /// What an account's pushes meet.
    pub fn of(&self, handle: &str) -> &Faults {
        self.accounts.get(handle).unwrap_or(&self.process)
    }
}

impl Faults {
    fn apply(&mut self, spec: &str, mut seed: Option<&mut u64>) -> Result<(), FaultError> {
        let mut naming_codes = false;
        for part in spec
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            // `reject=0.03:blocked,left`: a code after a comma belongs to the rejection before it.
            if naming_codes && let Some(code) = RejectionCode::from_name(part) {
                self.reject_codes.push(code);
                continue;
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            naming_codes = name == "reject" && value.contains(':');
            match (name, &mut seed) {
                ("seed", Some(seed)) => **seed = number(name, value)?,
                ("seed", None) => return Err(FaultError::SeedOfAccount),
                _ => self.apply_part(name, value)?,
            }
        }
        Ok(())
    }

    fn apply_part(&mut self, name: &str, value: &str) -> Result<(), FaultError> {
        match name {
            "latency" => self.latency = duration(name, value)?,
            "speed" => self.speed = Some(at_least_one(name, value)?),
            "5xx" => self.server_error = share(name, value)?,
            "5xx_after" => self.server_error_after = share(name, value)?,
            "429" => self.throttled = share(name, value)?,
            "503" => self.unavailable = share(name, value)?,
            "401" => self.unauthorized = share(name, value)?,
            "400" => self.bad_request = share(name, value)?,
            "retry_after" => self.retry_after = duration(name, value)?,
            "drop_answer" => self.drop_answer = share(name, value)?,
            "truncate" => self.truncate = share(name, value)?,
            "wrong" => self.wrong = share(name, value)?,
            "reject" => self.apply_reject(value)?,
            "uncertain" => self.uncertain = share(name, value)?,
            "guarantee" => self.guarantee = guarantee(value)?,
            "settles" => self.settles = duration(name, value)?,
            "batch" => self.batch_max = at_least_one(name, value)?,
            "down" if value.is_empty() => self.down = true,
            "down" => return Err(wrong(name, value, "nothing: down alone")),
            _ => return Err(FaultError::Unknown(short(name))),
        }
        Ok(())
    }

    fn apply_reject(&mut self, value: &str) -> Result<(), FaultError> {
        let (of_all, code) = value.split_once(':').unwrap_or((value, ""));
        self.reject = share("reject", of_all)?;
        self.reject_codes = match (code, RejectionCode::from_name(code)) {
            ("", _) => RejectionCode::ALL.to_vec(),
            (_, Some(code)) => vec![code],
            _ => return Err(wrong("reject", value, "a share and rejection codes")),
        };
        Ok(())
    }

    fn check_shares(&self) -> Result<(), FaultError> {
        let before = self.server_error
            + self.throttled
            + self.unavailable
            + self.unauthorized
            + self.bad_request;
        let after = self.server_error_after + self.drop_answer + self.truncate + self.wrong;
        // Ten tenths of a floating-point number are a hair more than one.
        let too_much = |sum: f64| sum > 1.0 + 1e-9;
        if too_much(before) {
            return Err(FaultError::Shares("5xx, 429, 503, 401 and 400"));
        }
        if too_much(after) {
            return Err(FaultError::Shares(
                "5xx_after, drop_answer, truncate and wrong",
            ));
        }
        if too_much(self.reject + self.uncertain) {
            return Err(FaultError::Shares("reject and uncertain"));
        }
        Ok(())
    }
}

fn share(name: &str, value: &str) -> Result<f64, FaultError> {
    value
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| wrong(name, value, "a share from 0 to 1"))
}

fn number(name: &str, value: &str) -> Result<u64, FaultError> {
    value
        .parse()
        .map_err(|_| wrong(name, value, "a whole number"))
}

fn at_least_one(name: &str, value: &str) -> Result<u32, FaultError> {
    value
        .parse()
        .ok()
        .filter(|number| *number >= 1)
        .ok_or_else(|| wrong(name, value, "a whole number from 1"))
}

fn duration(name: &str, value: &str) -> Result<Duration, FaultError> {
    let expected = "a duration such as 50ms or 2s, at most an hour";
    let (digits, unit) = match value.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (value.strip_suffix('s').unwrap_or(""), 1_000),
    };
    digits
        .parse::<u32>()
        .ok()
        .map(|amount| Duration::from_millis(u64::from(amount) * unit))
        .filter(|duration| *duration <= FAULT_DURATION_MAX)
        .ok_or_else(|| wrong(name, value, expected))
}

fn guarantee(value: &str) -> Result<Guarantee, FaultError> {
    match value {
        "K" => Ok(Guarantee::Keyed),
        "Q" => Ok(Guarantee::Queryable),
        "N" => Ok(Guarantee::Neither),
        _ => Err(wrong("guarantee", value, "K, Q or N")),
    }
}

fn wrong(name: &str, value: &str, expected: &'static str) -> FaultError {
    FaultError::Value {
        name: short(name),
        value: short(value),
        expected,
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
