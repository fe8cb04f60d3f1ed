//! Members of audience groups, a row per word of 64 user numbers.

use std::collections::HashMap;

use domain::audience_group::AudienceGroupId;
use domain::id::AccountId;
use domain::user::{LineUserId, UserKey, UserNumber};
use roaring::RoaringBitmap;
use sea_orm::Value;

use crate::row::{self, Bind, values};
use crate::{Store, StoreError, Write, bulk};

/// Words that are removed in one commit.
const WORDS_PER_REMOVAL: u32 = 20_000;

impl Write {
    /// Puts users into a group, by rising words: who is in it already stays. How many are new.
    pub async fn add_group_members(
        &mut self,
        account: AccountId,
        group: AudienceGroupId,
        words: &[(u32, u64)],
    ) -> Result<u64, StoreError> {
        let known = self.words_of(account, group, words).await?;
        let mut added = 0;
        let mut rows = Vec::with_capacity(words.len());
        for (word, bits) in words {
            let before = known.get(word).copied().unwrap_or(0);
            let fresh = bits & !before;
            if fresh != 0 {
                added += u64::from(fresh.count_ones());
                let bits = (before | fresh).cast_signed();
                rows.push(values![account, group.number(), *word, bits]);
            }
        }
        let head = "INSERT INTO audience_group_member (account, audience_group, word, bits)";
        let tail = "ON CONFLICT (account, audience_group, word) DO UPDATE SET bits = excluded.bits";
        bulk::insert(self.connection(), head, tail, rows).await?;
        Ok(added)
    }

    /// What stands in these words already. Nothing is looked up in a group that is empty so far.
    async fn words_of(
        &self,
        account: AccountId,
        group: AudienceGroupId,
        words: &[(u32, u64)],
    ) -> Result<HashMap<u32, u64>, StoreError> {
        let sql = "SELECT 1 FROM audience_group_member
                   WHERE account = $1 AND audience_group = $2 LIMIT 1";
        let bound = values![account, group.number()];
        let any = row::one(self.connection(), "audience_group_member", sql, bound).await?;
        if any.is_none() {
            return Ok(HashMap::new());
        }
        let items: Vec<Value> = words.iter().map(|(word, _)| word.bind()).collect();
        let sql = [
            "SELECT word, bits FROM audience_group_member
             WHERE account = {} AND audience_group = {} AND word IN",
            "",
        ];
        let first = values![account, group.number()];
        let table = "audience_group_member";
        let rows = bulk::look_up(self.connection(), table, sql, &first, &items).await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in &rows {
            let bits: i64 = row.get("bits")?;
            known.insert(row.int("word")?, bits.cast_unsigned());
        }
        Ok(known)
    }

    /// Removes the first words of a group; false where it has none.
    pub(super) async fn remove_some_members(
        &mut self,
        account: AccountId,
        group: AudienceGroupId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM audience_group_member
                   WHERE account = $1 AND audience_group = $2 AND word <= (
                     SELECT MAX(word) FROM (SELECT word FROM audience_group_member
                       WHERE account = $1 AND audience_group = $2
                       ORDER BY word LIMIT $3) AS first_words)";
        let bound = values![account, group.number(), WORDS_PER_REMOVAL];
        Ok(row::execute(self.connection(), sql, bound).await? > 0)
    }
}

impl Store {
    /// The users whom these texts name, each text once: LINE's ids or the messenger's keys, of
    /// whoever's friends. A text of nobody adds nothing.
    pub async fn users_named(&self, texts: &[String]) -> Result<Vec<UserNumber>, StoreError> {
        let keys: Vec<Value> = texts.iter().map(|text| text.as_str().into()).collect();
        let sql = [r#"SELECT number FROM "user" WHERE user_key IN"#, ""];
        let rows = bulk::look_up(self.reader(), "user", sql, &[], &keys).await?;
        let mut numbers = Vec::with_capacity(texts.len());
        for row in &rows {
            numbers.push(UserNumber(row.int("number")?));
        }
        if numbers.len() == texts.len() {
            return Ok(numbers);
        }
        let ids = texts.iter().filter_map(|text| LineUserId::parse(text));
        let ids: Vec<Value> = ids.map(|id| id.as_bytes().to_vec().into()).collect();
        let sql = [r#"SELECT number, user_key FROM "user" WHERE id IN"#, ""];
        for row in bulk::look_up(self.reader(), "user", sql, &[], &ids).await? {
            let key: String = row.get("user_key")?;
            let key = UserKey::parse(&key).map_err(|error| row.corrupt("user_key", error))?;
            // A user whose key has LINE's shape is not called by ours.
            if key.packed().is_none() {
                numbers.push(UserNumber(row.int("number")?));
            }
        }
        Ok(numbers)
    }

    /// Everybody in a group: for whoever checks it.
    pub async fn members_of_group(
        &self,
        account: AccountId,
        group: AudienceGroupId,
    ) -> Result<RoaringBitmap, StoreError> {
        let sql = "SELECT word, bits FROM audience_group_member
                   WHERE account = $1 AND audience_group = $2 ORDER BY word";
        let bound = values![account, group.number()];
        let rows = row::all(self.reader(), "audience_group_member", sql, bound).await?;
        let mut members = RoaringBitmap::new();
        for row in &rows {
            let (word, bits): (u32, i64) = (row.int("word")?, row.get("bits")?);
            let held = (0..64).filter(|bit| bits.cast_unsigned() >> bit & 1 == 1);
            members.extend(held.map(|bit| word * 64 + bit));
        }
        Ok(members)
    }
}
