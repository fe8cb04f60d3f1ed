//! The platform of a fault test: the program with short leases, a brand with friends, a messenger.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use crate::draw::Draw;
use crate::messenger::{Messenger, SECRET, TOKEN};
use crate::program::Recipe;
use crate::verdict::Verdict;
use crate::wait::{self, Stopwatch};
use crate::world::Brand;

/// Between two questions to a database that a running program works on.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Where the messenger lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A process of its own, never killed.
    Beside,
    /// The role inside the program: killed with it.
    Inside,
}

/// A stopped platform and its messenger, ready to be started as often as a test likes.
pub struct Platform {
    pub recipe: Recipe,
    pub messenger: Messenger,
    pub brand: Brand,
    // Dropped last: everything above writes into it.
    _folder: TempDir,
}

/// Short times: a fault is over sooner.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub request_timeout_ms: u64,
    pub lease_ms: u64,
    pub in_flight: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            request_timeout_ms: 1_000,
            lease_ms: 2_000,
            in_flight: 32,
        }
    }
}

impl Platform {
    /// Creates the brand and its friends and starts the messenger; the program is not started.
    pub fn create(
        place: Place,
        friends: u64,
        faults: &[&str],
        times: Times,
        draw: &mut Draw,
    ) -> Result<Self> {
        let make = |data: &Path| Brand::create(data, "@hanok", friends, draw);
        Self::with_brand(place, faults, times, make)
    }

    /// The same with a brand that is made some other way, in the platform's data folder.
    pub fn with_brand(
        place: Place,
        faults: &[&str],
        times: Times,
        make: impl FnOnce(&Path) -> Result<Brand>,
    ) -> Result<Self> {
        let folder = TempDir::new()?;
        let (recipe, messenger) = match place {
            Place::Beside => beside(folder.path(), faults, times)?,
            Place::Inside => inside(folder.path(), faults, times)?,
        };
        let brand = make(&recipe.data)?;
        Ok(Self {
            recipe,
            messenger,
            brand,
            _folder: folder,
        })
    }

    /// Waits until a campaign shows one of the states; what it shows then, and after how long.
    pub fn wait_for_state(
        &self,
        campaign: &str,
        states: &[&str],
        deadline: Duration,
    ) -> Result<(Value, Duration)> {
        let watch = Stopwatch::start();
        let shown = wait::until_state(
            &format!("{campaign} is {}", states.join(" or ")),
            deadline,
            || {
                wait::let_pass(ASK_EVERY);
                self.brand.show(campaign)
            },
            |shown| states.iter().any(|state| shown["state"] == *state),
        );
        let shown = shown.map_err(|error| error.context(self.recipe.log_end()))?;
        Ok((shown, watch.elapsed()))
    }

    /// Waits until the messenger accepted so many more than before; how many it then had.
    pub fn wait_for_accepted(&self, at_least: u64, deadline: Duration) -> Result<u64> {
        wait::until_state(
            &format!("{at_least} accepted"),
            deadline,
            || self.messenger.accepted(),
            |accepted| *accepted >= at_least,
        )
        .map_err(|error| error.context(self.recipe.log_end()))
    }

    /// What the books, the record and the messenger's log say of a campaign.
    pub fn verdict(&self, campaign: &str, seconds: f64) -> Result<Verdict> {
        Verdict::of(&self.brand, &self.messenger, campaign, seconds)
    }
}

fn beside(folder: &Path, faults: &[&str], times: Times) -> Result<(Recipe, Messenger)> {
    let recipe = platform(folder, times)?;
    let messenger = Messenger::start(folder, recipe.listen, faults)?;
    let mut recipe = recipe;
    recipe
        .arguments
        .extend(["--gateway-url".to_owned(), messenger.gateway_url()]);
    Ok((recipe, messenger))
}

fn inside(folder: &Path, faults: &[&str], times: Times) -> Result<(Recipe, Messenger)> {
    let faults = serde_json::to_string(faults)?;
    // Named, because the production engine has it only then.
    let recipe = platform(folder, times)?
        .with("CHINGU_SANDBOX__FAULTS", faults)
        .with("CHINGU_ROLE", "console,api,scheduler,worker,jobs,sandbox");
    let messenger = Messenger::inside(&recipe);
    Ok((recipe, messenger))
}

fn platform(folder: &Path, times: Times) -> Result<Recipe> {
    let recipe = Recipe::new(folder, "platform", &["serve", "--no-demo"])?
        .with("CHINGU_GATEWAY__TOKEN", TOKEN)
        .with("CHINGU_GATEWAY__SECRET", SECRET)
        .with(
            "CHINGU_GATEWAY__REQUEST_TIMEOUT_MS",
            times.request_timeout_ms,
        )
        .with("CHINGU_WORKER__LEASE_MS", times.lease_ms)
        .with("CHINGU_WORKER__IN_FLIGHT_MAX", times.in_flight);
    Ok(recipe)
}
