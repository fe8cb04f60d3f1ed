//! Files of friends: keys in random order, every row good, every friend with a consent.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

/// The wording every friend of a run agreed to.
pub const WORDING: &str = "bench-1";
/// Every so manieth friend stands in the file of updates: 5 %.
pub const UPDATED_EACH: u32 = 20;

const HEADER: &str = "user_key,display_name,language,country,region,gender,birth_year,time_zone,\
     friend_since,source,tags,ad_consent,ad_consent_at,consent_wording,night_consent\n";
const GENDERS: [&str; 3] = ["female", "male", "unknown"];
const SOURCES: [&str; 3] = ["qr_store", "search", "ad"];

/// Writes the friends of these indexes; their keys have no order.
pub fn write_all(path: &Path, friends: Range<u32>) -> std::io::Result<()> {
    write(path, friends, "friend")
}

/// Writes the friends that changed since: other names, the same keys, another order.
pub fn write_updated(path: &Path, friends: Range<u32>) -> std::io::Result<()> {
    let changed = friends.step_by(UPDATED_EACH as usize).rev();
    write(path, changed, "changed")
}

fn write(path: &Path, indexes: impl Iterator<Item = u32>, name: &str) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(HEADER.as_bytes())?;
    for index in indexes {
        let gender = GENDERS[index as usize % GENDERS.len()];
        let source = SOURCES[index as usize / 7 % SOURCES.len()];
        writeln!(
            file,
            "{},{name} {index},ko,KR,Seoul,{gender},{},Asia/Seoul,2025-02-01T09:00:00+09:00,\
             {source},app,yes,2025-03-04 10:00:00,{WORDING},no",
            key(index),
            1950 + index % 55,
        )?;
    }
    file.flush()
}

/// A key of the messenger's usual form; all different, in no order.
pub fn key(index: u32) -> String {
    let index = u64::from(index);
    format!("U{:016x}{:016x}", mixed(index), mixed(!index))
}

/// The finalizer of splitmix64: a permutation, so that no two keys are alike.
pub(crate) fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_different_and_in_no_order() {
        let keys: Vec<String> = (0..50_000).map(key).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        let rising = keys.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((20_000..30_000).contains(&rising), "{rising}");
        assert!(keys.iter().all(|key| key.len() == 33));
    }

    #[test]
    fn one_in_twenty_is_updated_under_its_own_key() {
        let folder = tempfile::tempdir().unwrap();
        let (all, some) = (
            folder.path().join("all.csv"),
            folder.path().join("some.csv"),
        );
        write_all(&all, 0..1_001).unwrap();
        write_updated(&some, 0..1_001).unwrap();
        let keys = |path: &Path| -> Vec<String> {
            let text = std::fs::read_to_string(path).unwrap();
            let keys = text
                .lines()
                .skip(1)
                .map(|line| line.split(',').next().unwrap().to_owned());
            keys.collect()
        };
        let (all, some) = (keys(&all), keys(&some));
        assert_eq!((all.len(), some.len()), (1_001, 51));
        let all: HashSet<&String> = all.iter().collect();
        assert!(some.iter().all(|key| all.contains(key)));
    }
}
