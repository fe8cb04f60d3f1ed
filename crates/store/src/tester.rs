//! Testers of an account, and the tests that drafts were sent to them in.

use domain::campaign::{CampaignKind, CampaignState};
use domain::id::{AccountId, CampaignId, UserId, UserListId};
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};

use crate::campaign::{CampaignDraft, shown, state_of};
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// A friend whom drafts are sent to first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tester {
    pub number: UserNumber,
    pub id: UserId,
    pub key: UserKey,
    /// As a friend of the account; empty where nobody told it.
    pub display_name: String,
    pub added_at: Timestamp,
}

/// A test of a draft, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestSend {
    pub id: CampaignId,
    pub state: CampaignState,
    pub created_at: Timestamp,
    pub launched_at: Option<Timestamp>,
    /// Whom it was sent to as it was asked for, and who of them could be reached at its launch.
    pub testers: u64,
    pub reachable: u64,
    pub accepted: u64,
}

impl Write {
    /// Waits for whoever else registers testers or sends tests of the account: what is counted
    /// after it stays so until this write ends.
    pub async fn lock_tests(&mut self, account: AccountId) -> Result<(), StoreError> {
        let lock = row::for_change(self.connection());
        let sql = format!("SELECT id FROM account WHERE id = $1{lock}");
        row::one(self.connection(), "account", &sql, values![account]).await?;
        Ok(())
    }

    pub async fn testers(&mut self, account: AccountId) -> Result<Vec<Tester>, StoreError> {
        testers(self.connection(), account).await
    }

    /// Registers a tester; whoever is one already stays one.
    pub async fn insert_tester(
        &mut self,
        account: AccountId,
        number: UserNumber,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO tester (account, number, added_at) VALUES ($1, $2, $3)
                   ON CONFLICT DO NOTHING";
        row::execute(self.connection(), sql, values![account, number.0, now]).await?;
        Ok(())
    }

    /// Whether there was such a tester.
    pub async fn delete_tester(
        &mut self,
        account: AccountId,
        number: UserNumber,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM tester WHERE account = $1 AND number = $2";
        let deleted = row::execute(self.connection(), sql, values![account, number.0]).await?;
        Ok(deleted == 1)
    }

    /// When the account's latest tests were asked for, the latest first.
    pub async fn latest_tests(
        &mut self,
        account: AccountId,
        limit: usize,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let sql = "SELECT created_at FROM campaign WHERE account = $1 AND test_of IS NOT NULL
                   ORDER BY created_at DESC LIMIT $2";
        let bound = values![account, limit as u64];
        let rows = row::all(self.connection(), "campaign", sql, bound).await?;
        rows.iter().map(|row| row.time("created_at")).collect()
    }

    /// Writes a test of a draft, and the list that its audience names: whom it goes to.
    pub async fn insert_test(
        &mut self,
        test: &CampaignDraft,
        of: CampaignId,
        list: UserListId,
        testers: &[UserNumber],
    ) -> Result<(), StoreError> {
        self.insert(test, CampaignKind::Test, Some(of)).await?;
        let sql = "INSERT INTO user_list (id, account, name, created_at, test_of)
                   VALUES ($1, $2, $3, $4, $5)";
        let bound = values![
            list,
            test.account,
            test.name.as_str(),
            test.created_at,
            test.id
        ];
        row::execute(self.connection(), sql, bound).await?;
        let head = "INSERT INTO user_list_entry (list, number)";
        let rows = testers.iter().map(|number| values![list, number.0]);
        let rows: Vec<_> = rows.collect();
        bulk::insert(self.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }
}

impl Store {
    /// The testers of an account of the reader's business, by name.
    pub async fn testers(&self, account: AccountId) -> Result<Vec<Tester>, StoreError> {
        testers(self.reader(), account).await
    }

    /// The tests of a draft, the latest first.
    pub async fn tests_of(
        &self,
        draft: CampaignId,
        limit: u32,
    ) -> Result<Vec<TestSend>, StoreError> {
        let sql = format!(
            "SELECT c.id AS id, c.state AS state, c.pause_reason AS pause_reason,
               c.restored_at AS restored_at, c.created_at AS created_at,
               c.launched_at AS launched_at,
               (SELECT COUNT(*) FROM user_list l JOIN user_list_entry e ON e.list = l.id
                WHERE l.test_of = c.id) AS testers,
               (SELECT {counted} FROM campaign_tariff t WHERE t.campaign = c.id) AS reachable,
               (SELECT {accepted} FROM chunk k
                WHERE k.month = c.month AND k.campaign = c.id) AS accepted
             FROM campaign c WHERE c.test_of = $1 ORDER BY c.created_at DESC, c.id DESC LIMIT $2",
            counted = row::sum("t.counted"),
            accepted = row::sum("k.accepted"),
        );
        let rows = row::all(self.reader(), "campaign", &sql, values![draft, limit]).await?;
        let read = |row: &Row| {
            Ok(TestSend {
                id: row.id("id")?,
                state: shown(state_of(row)?, row.optional_time("restored_at")?),
                created_at: row.time("created_at")?,
                launched_at: row.optional_time("launched_at")?,
                testers: row.int("testers")?,
                reachable: row.int("reachable")?,
                accepted: row.int("accepted")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

async fn testers(
    connection: &impl sea_orm::ConnectionTrait,
    account: AccountId,
) -> Result<Vec<Tester>, StoreError> {
    let sql = r#"SELECT t.number AS number, u.id AS id, u.user_key AS user_key,
                   COALESCE(f.display_name, '') AS display_name, t.added_at AS added_at
                 FROM tester t JOIN "user" u ON u.number = t.number
                   LEFT JOIN friend f ON f.account = t.account AND f.number = t.number
                 WHERE t.account = $1 ORDER BY display_name, t.number"#;
    let rows = row::all(connection, "tester", sql, values![account]).await?;
    let read = |row: &Row| {
        let key: String = row.get("user_key")?;
        Ok(Tester {
            number: UserNumber(row.int("number")?),
            id: row.id("id")?,
            key: UserKey::parse(&key).map_err(|error| row.corrupt("user_key", error))?,
            display_name: row.get("display_name")?,
            added_at: row.time("added_at")?,
        })
    };
    rows.iter().map(read).collect()
}
