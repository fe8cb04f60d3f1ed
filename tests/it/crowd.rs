//! Friends whose attributes a test knows, so that it can say itself who belongs to an audience.

use std::path::Path;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::world::Brand;

/// One friend, as the file of friends tells.
#[derive(Debug, Clone)]
pub struct Person {
    pub key: String,
    pub gender: &'static str,
    pub birth_year: u64,
    pub source: &'static str,
    pub tags: Vec<&'static str>,
    pub agreed: bool,
}

const TAGS: [&str; 3] = ["coffee", "vip", "픽업"];

/// People drawn at random; one in five did not agree to promotion.
pub fn crowd(people: u64, draw: &mut Draw) -> Vec<Person> {
    let one = |number| Person {
        key: match draw.between(0, 3) {
            // Not every messenger's keys have the short form.
            0 => format!("legacy.{number}-{:x}", u32::from_be_bytes(draw.bytes())),
            _ => format!("U{:032x}", u128::from_be_bytes(draw.bytes())),
        },
        gender: ["female", "male", "unknown"][draw.between(0, 2) as usize],
        birth_year: draw.between(1950, 2005),
        source: ["qr_store", "search"][draw.between(0, 1) as usize],
        tags: TAGS
            .into_iter()
            .filter(|_| draw.between(0, 1) == 1)
            .collect(),
        agreed: draw.between(0, 4) > 0,
    };
    (0..people).map(one).collect()
}

/// A brand whose friends are these people.
pub fn brand_of(people: &[Person], data: &Path, handle: &str) -> Result<Brand> {
    befriend(people, Brand::open(data, handle)?)
}

/// These people become friends of a brand that had none.
pub fn befriend(people: &[Person], mut brand: Brand) -> Result<Brand> {
    let report = brand.befriend("crowd", csv(people).as_bytes())?;
    ensure!(report["accepted"] == people.len(), "{report}");
    brand.friends = people.len() as u64;
    brand.reachable = people.iter().filter(|person| person.agreed).count() as u64;
    Ok(brand)
}

fn csv(people: &[Person]) -> String {
    let mut csv = String::from(
        "user_key,display_name,gender,birth_year,source,tags,ad_consent,ad_consent_at,\
         consent_wording\n",
    );
    for person in people {
        let Person {
            key,
            gender,
            birth_year,
            source,
            ..
        } = person;
        let tags = person.tags.join("|");
        let consent = match person.agreed {
            true => "yes,2025-03-04 10:00:00,ad-2025-03",
            false => "no,,",
        };
        csv.push_str(&format!(
            "{key},이름,{gender},{birth_year},{source},{tags},{consent}\n"
        ));
    }
    csv
}
