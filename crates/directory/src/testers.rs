//! Testers of an account, and tests of its drafts.
//!
//! A test is a campaign of its own that says what the draft says: it is written here and launched
//! as any other, so that nothing of it goes another way. The draft stays as it is.

use domain::audience::{Audience, Expression};
use domain::campaign::Purpose;
use domain::id::{AccountId, BusinessId, CampaignId, UserId, UserListId};
use domain::message::Rules;
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use domain::test_send::{self, TEST_LIFETIME, TESTS_MAX, TestRefusal};
use domain::user::{UserKey, UserNumber};
use store::Write;
use store::campaign::{Campaign, CampaignDraft};

use crate::drafts::expect_own;
use crate::{CampaignRequest, Directory, Error};

/// What a test says: the draft's message as it stands.
#[derive(Debug, Clone, Copy)]
pub struct TestRequest<'a> {
    pub name: &'a str,
    pub purpose: Purpose,
    /// A JSON array of message objects.
    pub messages: &'a str,
}

impl Directory {
    /// Registers a friend as a tester, by the id that reports show or by the messenger's key.
    /// Whoever is one already stays one.
    pub async fn add_tester(
        &self,
        business: BusinessId,
        account: AccountId,
        friend: &str,
    ) -> Result<UserNumber, Error> {
        let account = self.account(business, account).await?.id;
        let number = self.friend_named(account, friend).await?;
        let mut write = self.store.write().await?;
        write.lock_tests(account).await?;
        let testers = write.testers(account).await?;
        if testers.iter().any(|tester| tester.number == number) {
            return Ok(number);
        }
        test_send::may_register(testers.len()).map_err(refused)?;
        write
            .insert_tester(account, number, self.clock.now())
            .await?;
        write.commit().await?;
        Ok(number)
    }

    /// Takes a friend out of the testers; the tests they got stay on record.
    pub async fn remove_tester(
        &self,
        business: BusinessId,
        account: AccountId,
        number: UserNumber,
    ) -> Result<(), Error> {
        let account = self.account(business, account).await?.id;
        let mut write = self.store.write().await?;
        if !write.delete_tester(account, number).await? {
            return Err(Error::NotFound("tester".to_owned()));
        }
        Ok(write.commit().await?)
    }

    /// Writes a test of a draft to these testers, approved: it is launched as any campaign is, and
    /// costs nothing.
    pub async fn begin_test(
        &self,
        business: BusinessId,
        account: AccountId,
        draft: CampaignId,
        request: &TestRequest<'_>,
        testers: &[UserNumber],
        rules: &Rules,
    ) -> Result<Campaign, Error> {
        let mut write = self.store.write().await?;
        let test = self
            .begin_test_in(
                &mut write,
                (business, account),
                draft,
                request,
                testers,
                rules,
            )
            .await?;
        write.commit().await?;
        Ok(test)
    }

    /// The same inside the write of a caller, who commits it.
    pub async fn begin_test_in(
        &self,
        write: &mut Write,
        (business, account): (BusinessId, AccountId),
        draft: CampaignId,
        request: &TestRequest<'_>,
        testers: &[UserNumber],
        rules: &Rules,
    ) -> Result<Campaign, Error> {
        let account = self.account(business, account).await?;
        let asked = CampaignRequest {
            name: request.name,
            purpose: request.purpose,
            messages: request.messages,
            audience: None,
            schedule: &Schedule::Now,
            rate_per_second: None,
            lifetime_seconds: TEST_LIFETIME.as_secs() as u32,
            if_short: IfShort::default(),
        };
        let list: UserListId = self.ids.next();
        let audience = Audience {
            expression: Expression::List(list),
            limit: None,
        };
        let test = CampaignDraft {
            audience: audience.to_json(),
            ..self.checked(&account, &asked, rules).await?
        };
        write.lock_tests(account.id).await?;
        let found = write.campaign(draft).await?;
        expect_own(&found, business, account.id)?;
        test_send::may_be_tested(found.kind, found.state).map_err(refused)?;
        let registered = write.testers(account.id).await?;
        let is_tester = |number: &UserNumber| registered.iter().any(|one| one.number == *number);
        if !testers.iter().all(is_tester) {
            return Err(Error::NotFound("tester".to_owned()));
        }
        if testers.is_empty() {
            return Err(refused(TestRefusal::NoTester));
        }
        let sent = write.latest_tests(account.id, TESTS_MAX).await?;
        test_send::may_send(&sent, test.created_at).map_err(refused)?;
        write.insert_test(&test, draft, list, testers).await?;
        Self::approve(write, test.id, false).await
    }

    /// A friend of the account by the id that reports show or by the messenger's key.
    pub async fn friend_named(
        &self,
        account: AccountId,
        friend: &str,
    ) -> Result<UserNumber, Error> {
        let nobody = || Error::NotFound(format!("friend {friend}"));
        let known = match friend.parse::<UserId>() {
            Ok(id) => self.store.user_by_id(id).await?.map(|(number, _)| number),
            Err(_) => {
                let key = UserKey::parse(friend).map_err(|why| Error::refused("friend", why))?;
                self.store.user_number(&key).await?
            }
        };
        let number = known.ok_or_else(nobody)?;
        let mut standings = self.store.standings(account, &[number]).await?;
        let standing = standings.remove(&number).unwrap_or_default();
        standing.friend.map(|_| number).ok_or_else(nobody)
    }
}

fn refused(refusal: TestRefusal) -> Error {
    let field = match refusal {
        TestRefusal::TooManyTesters | TestRefusal::NoTester => "testers",
        TestRefusal::TooManyTests(_) => "tests",
        TestRefusal::NotADraft(_) | TestRefusal::NotWritten => "state",
    };
    Error::refused(field, refusal)
}

#[cfg(test)]
mod tests;
