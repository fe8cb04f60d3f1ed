//! A console alone, with friends whose attributes a test knows, and a draft that can be sent.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, Page};
use chingu_tests::engine;
use chingu_tests::program::{Program, Recipe};
use chingu_tests::world::Brand;
use domain::money::{Currency, Money};
use store::Store;
use tempfile::TempDir;

/// The console of the brand.
pub const CONSOLE: &str = "/console/@hanok";
pub const FRIENDS: u32 = 120;
const TEXT: &str = "가을 원두가 나왔어요";
const HEADER: &str = "user_key,display_name,language,country,region,gender,birth_year,time_zone,\
    friend_since,source,tags,ad_consent,ad_consent_at,consent_wording,night_consent";

/// A console alone, a brand with friends whose attributes are known, and its owner.
pub struct World {
    pub brand: Brand,
    pub program: Program,
    pub browser: Browser,
    // Dropped last.
    _folder: TempDir,
}

/// What the test knows of a friend.
#[derive(Clone, Copy)]
pub struct Person(pub u32);

impl Person {
    pub fn agrees(self) -> bool {
        !self.0.is_multiple_of(6)
    }
    pub fn is_vip(self) -> bool {
        self.0.is_multiple_of(4)
    }
    pub fn region(self) -> &'static str {
        ["서울", "부산", ""][self.0 as usize % 3]
    }
    pub fn gender(self) -> &'static str {
        ["female", "male", ""][self.0 as usize % 5 % 3]
    }
    pub fn birth_year(self) -> u32 {
        1980 + self.0 % 20
    }
    pub fn source(self) -> &'static str {
        ["qr_store", "search"][self.0 as usize % 7 % 2]
    }
}

pub fn friends(numbers: std::ops::Range<u32>) -> String {
    let mut csv = format!("{HEADER}\n");
    for person in numbers.map(Person) {
        let consent = match person.agrees() {
            true => "yes,2025-03-04 10:00:00,ad-2025-03,yes",
            false => "no,,,",
        };
        let tag = if person.is_vip() { "vip" } else { "new" };
        // Writing to a String cannot fail.
        let (key, region, gender) = (person.0, person.region(), person.gender());
        let (year, source) = (person.birth_year(), person.source());
        let _ = writeln!(
            csv,
            "U{key:032x},친구 {key},ko,KR,{region},{gender},{year},Asia/Seoul,\
             2025-02-01T09:00:00+09:00,{source},{tag},{consent}"
        );
    }
    csv
}

impl World {
    pub fn create() -> Result<Self> {
        let folder = TempDir::new()?;
        let arguments = ["serve", "--no-demo", "--role", "console"];
        let recipe = Recipe::new(folder.path(), "console", &arguments)?;
        let brand = Brand::open(&recipe.data, "@hanok")?;
        let report = brand.befriend("friends", friends(0..FRIENDS).as_bytes())?;
        ensure!(report["accepted"] == FRIENDS, "{report}");
        let program = recipe.start()?;
        let mut browser = Browser::of_member(program.address(), &brand, "owner")?;
        browser.keep_cookie("chingu_language", "en");
        Ok(Self {
            brand,
            program,
            browser,
            _folder: folder,
        })
    }

    /// A draft with a message that can be sent: the address of the campaign.
    pub fn draft(&mut self) -> Result<String> {
        self.browser.draft(CONSOLE, TEXT)
    }

    pub fn live(&mut self, campaign: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let fields = [&[("wait", "1"), ("writer", "w1")], fields].concat();
        let page = self
            .browser
            .post_form(&format!("{campaign}/audience/live"), &fields)?;
        ensure!(page.status == 200, "{page:?}");
        Ok(page)
    }

    /// The fields of the button on the review page.
    pub fn button(&mut self, campaign: &str) -> Result<Vec<(String, String)>> {
        self.browser.button(campaign)
    }

    pub fn held(&self) -> Result<Money> {
        let database = engine::database(&self.brand.data);
        let business = self.brand.business.parse()?;
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let store = Store::open(&database).await?;
            Ok(store::wallet::find(&store, business).await?.held)
        })
    }

    pub fn state(&self, campaign: &str) -> Result<String> {
        let id = campaign.rsplit('/').next().context("an id")?;
        let shown = self.brand.show(id)?;
        Ok(shown["state"].as_str().context("a state")?.to_owned())
    }
}

pub fn krw(units: i64) -> Money {
    Money::whole(units, Currency::Krw)
}
