//! A brand with friends and money, made by the commands a person would type.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::draw::Draw;
use crate::shell::{admin, json, text};

/// What a promotion to the whole reach costs per friend, net, in micro-units of a won.
pub const UNTARGETED_MICRO: i64 = 15_000_000;

/// The wording that whoever agreed has agreed to.
pub const WORDING: &str = "ad-2025-03";
/// What every campaign of a suite says, and to whom.
pub const MESSAGES: &str = r#"[{"type":"text","text":"(광고) 가을 원두가 나왔어요"}]"#;
pub const EVERYBODY: &str = r#"{"expression":{"all":true}}"#;
/// Enough for every campaign of a suite, in won.
const FUNDS: &str = "1000000000";

/// An official account with friends, funded, in the database of a data folder.
#[derive(Debug, Clone)]
pub struct Brand {
    pub data: PathBuf,
    pub business: String,
    pub handle: String,
    /// Friends with a consent for promotion.
    pub reachable: u64,
    pub friends: u64,
}

/// How a campaign differs from "everybody, now, as fast as it goes".
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// Recipients per second.
    pub rate: Option<u64>,
    pub audience: Option<&'a str>,
}

impl Brand {
    /// Creates everything and imports the friends, one in six without consent.
    pub fn create(data: &Path, handle: &str, friends: u64, draw: &mut Draw) -> Result<Self> {
        let mut brand = Self::open(data, handle)?;
        brand.befriend_crowd(friends, draw)?;
        Ok(brand)
    }

    /// The same without money.
    pub fn create_unfunded(
        data: &Path,
        handle: &str,
        friends: u64,
        draw: &mut Draw,
    ) -> Result<Self> {
        let mut brand = Self::open_unfunded(data, handle)?;
        brand.befriend_crowd(friends, draw)?;
        Ok(brand)
    }

    fn befriend_crowd(&mut self, friends: u64, draw: &mut Draw) -> Result<()> {
        let (csv, reachable) = friends_csv(friends, draw);
        let report = self.befriend("friends", csv.as_bytes())?;
        if report["accepted"].as_u64() != Some(friends) {
            bail!("imported {report}, not {friends} friends");
        }
        (self.friends, self.reachable) = (friends, reachable);
        Ok(())
    }

    /// A funded account without friends, of a business of its own.
    pub fn open(data: &Path, handle: &str) -> Result<Self> {
        let brand = Self::open_unfunded(data, handle)?;
        brand.top_up(FUNDS, &format!("first-{}", handle.trim_start_matches('@')))?;
        Ok(brand)
    }

    fn open_unfunded(data: &Path, handle: &str) -> Result<Self> {
        std::fs::create_dir_all(data)?;
        let name = "Hanok Coffee";
        let business = admin(data, &["business", "create", "--name", name])?;
        let business = text(&business, "id")?.to_owned();
        let brand = Self {
            data: data.to_owned(),
            business,
            handle: handle.to_owned(),
            reachable: 0,
            friends: 0,
        };
        brand.add_account(handle)?;
        Ok(brand)
    }

    /// Another account of the same business, with the wording that friends agree to.
    pub fn add_account(&self, handle: &str) -> Result<()> {
        let (data, business) = (&self.data, &*self.business);
        let account = [
            "account",
            "create",
            "--business",
            business,
            "--handle",
            handle,
        ];
        let named = ["--name", "Hanok Coffee", "--zone", "Asia/Seoul"];
        admin(data, &[&account[..], &named].concat())?;
        let wording = [
            "wording",
            "create",
            "--account",
            handle,
            "--version",
            WORDING,
        ];
        let words = ["--text", "광고성 정보 수신에 동의합니다"];
        admin(data, &[&wording[..], &words].concat())?;
        Ok(())
    }

    pub fn top_up(&self, amount: &str, reference: &str) -> Result<Value> {
        let top_up = ["top-up", "--business", &self.business, "--amount", amount];
        admin(
            &self.data,
            &[&top_up[..], &["--reference", reference]].concat(),
        )
    }

    /// Imports a file of friends; what the import says of it. The counts of this value stay.
    pub fn befriend(&self, name: &str, csv: &[u8]) -> Result<Value> {
        let handle = self.handle.trim_start_matches('@');
        let file = self.data.with_extension(format!("{handle}.{name}.csv"));
        std::fs::write(&file, csv).context("the friends' file")?;
        let file = file.to_str().context("a path in UTF-8")?;
        json(
            &self.data,
            &["import", "friends", "--account", &self.handle, file],
        )
    }

    /// A campaign in words, not launched; its id.
    pub fn campaign(&self, name: &str, wishes: Wishes<'_>) -> Result<String> {
        let audience = wishes.audience.unwrap_or(EVERYBODY);
        let rate = wishes.rate.map(|rate| rate.to_string());
        let mut arguments = vec![
            "campaign",
            "create",
            "--account",
            &self.handle,
            "--name",
            name,
        ];
        arguments.extend(["--messages", MESSAGES, "--audience", audience]);
        if let Some(rate) = &rate {
            arguments.extend(["--rate", rate]);
        }
        Ok(text(&admin(&self.data, &arguments)?, "id")?.to_owned())
    }

    pub fn launch(&self, campaign: &str) -> Result<Value> {
        admin(&self.data, &["campaign", "launch", campaign])
    }

    pub fn show(&self, campaign: &str) -> Result<Value> {
        admin(&self.data, &["campaign", "show", campaign])
    }
}

/// A file of friends as a brand would bring it, every row good; and how many of them agreed to
/// promotion: about five in six, as in a real file.
pub fn friends_csv(friends: u64, draw: &mut Draw) -> (String, u64) {
    let mut csv = String::from(
        "user_key,display_name,language,country,region,gender,birth_year,time_zone,friend_since,\
         source,tags,ad_consent,ad_consent_at,consent_wording,night_consent\n",
    );
    let mut agreed = 0;
    for number in 0..friends {
        let key = u128::from_be_bytes(draw.bytes());
        let consent = match draw.between(1, 6) {
            1 => "no,,,".to_owned(),
            _ => {
                agreed += 1;
                format!("yes,2025-03-04 10:00:00,{WORDING},yes")
            }
        };
        let year = 1950 + number % 55;
        // Writing to a String cannot fail.
        let _ = writeln!(
            csv,
            "U{key:032x},친구 {number},ko,KR,서울,female,{year},Asia/Seoul,\
             2025-02-01T09:00:00+09:00,qr_store,coffee|app,{consent}"
        );
    }
    (csv, agreed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn friends_are_as_many_as_asked_for_and_different() {
        let (csv, agreed) = friends_csv(600, &mut Draw::seeded("friends", 1));
        let keys: std::collections::HashSet<_> = csv
            .lines()
            .skip(1)
            .map(|line| line.split(',').next().unwrap())
            .collect();
        assert_eq!(keys.len(), 600);
        assert_eq!(
            csv.lines().filter(|line| line.contains("yes,")).count() as u64,
            agreed
        );
        assert!((400..600).contains(&agreed), "{agreed}");
    }
}
