//! Operators, businesses, accounts, members and wordings: made after a check, never half.

use std::sync::Arc;

use domain::handle::Handle;
use domain::id::{AccountId, BusinessId, IdSource, MemberId};
use domain::money::Currency;
use domain::time::{Clock, zone};
use sha2::{Digest, Sha256};
use store::Store;
use store::directory::{Account, Business, Member, Operator, Wording};

use crate::Error;

/// Characters of a name of an operator, business, account or member.
pub const NAME_CHARS_MAX: usize = 64;
pub const EMAIL_BYTES_MAX: usize = 254;
pub const ICON_URL_BYTES_MAX: usize = 2_000;
/// Recipients per second of one account; the fastest messenger takes fewer.
pub const RATE_PER_SECOND_MAX: u32 = 10_000_000;
pub const WORDING_VERSION_BYTES_MAX: usize = 32;
pub const WORDING_TEXT_CHARS_MAX: usize = 4_000;

/// Pictures of this installation's own, named without its address, which may change.
const OWN_PATHS: [&str; 2] = ["/static/art/", "/media/"];

/// What a member may do: the roles of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Owner,
    Manager,
    Composer,
    Approver,
    Analyst,
    Finance,
}

/// What a page or a button needs of the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Campaigns, reports, friends: what everybody sees.
    Read,
    /// Write drafts, upload pictures.
    Compose,
    /// Launch, pause, resume, cancel: what costs or stops money.
    Send,
    /// The wallet and its movements.
    ReadMoney,
    /// Import friends, change their tags.
    ManageFriends,
    /// The account, members and their roles.
    ManageSettings,
}

/// An account as it is asked for.
#[derive(Debug, Clone)]
pub struct AccountRequest<'a> {
    pub handle: &'a str,
    pub display_name: &'a str,
    pub icon_url: Option<&'a str>,
    pub time_zone: &'a str,
    pub rate_per_second: Option<u32>,
}

/// The way to everything of this crate that is not a friend.
#[derive(Clone)]
pub struct Directory {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Role {
    pub const ALL: [Role; 6] = [
        Self::Owner,
        Self::Manager,
        Self::Composer,
        Self::Approver,
        Self::Analyst,
        Self::Finance,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Composer => "composer",
            Self::Approver => "approver",
            Self::Analyst => "analyst",
            Self::Finance => "finance",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    pub const fn may(self, permission: Permission) -> bool {
        use Permission::{Compose, ManageFriends, ManageSettings, Read, ReadMoney, Send};
        match permission {
            Read => true,
            Compose => matches!(self, Self::Owner | Self::Manager | Self::Composer),
            Send => matches!(self, Self::Owner | Self::Manager | Self::Approver),
            ReadMoney => matches!(
                self,
                Self::Owner | Self::Manager | Self::Approver | Self::Finance
            ),
            ManageFriends => matches!(self, Self::Owner | Self::Manager),
            ManageSettings => matches!(self, Self::Owner),
        }
    }
}

impl Directory {
    pub fn of(store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { store, clock, ids }
    }

    /// Somebody of the platform team; `time_zone` is what times are shown in to them.
    pub async fn add_operator(
        &self,
        email: &str,
        display_name: &str,
        time_zone: &str,
    ) -> Result<Operator, Error> {
        let operator = Operator {
            id: self.ids.next(),
            email: checked_email(email)?,
            display_name: checked_name("display name", display_name)?,
            time_zone: checked_zone(time_zone)?,
            created_at: self.clock.now(),
        };
        let mut write = self.store.write().await?;
        write.insert_operator(&operator).await?;
        write.commit().await?;
        Ok(operator)
    }

    /// A business with its empty wallet.
    pub async fn add_business(&self, name: &str, currency: Currency) -> Result<Business, Error> {
        let business = Business {
            id: self.ids.next(),
            name: checked_name("name", name)?,
            currency,
            stopped_at: None,
            created_at: self.clock.now(),
        };
        let mut write = self.store.write().await?;
        write.insert_business(&business).await?;
        write.commit().await?;
        Ok(business)
    }

    pub async fn add_account(
        &self,
        business: BusinessId,
        request: &AccountRequest<'_>,
    ) -> Result<Account, Error> {
        let business = self.business(business).await?;
        let account = Account {
            id: self.ids.next(),
            business: business.id,
            handle: Handle::parse(request.handle).map_err(|why| Error::refused("handle", why))?,
            display_name: checked_name("display name", request.display_name)?,
            icon_url: request.icon_url.map(checked_url).transpose()?,
            time_zone: checked_zone(request.time_zone)?,
            rate_per_second: request.rate_per_second.map(checked_rate).transpose()?,
            stopped_at: None,
            created_at: self.clock.now(),
        };
        let mut write = self.store.write().await?;
        write.insert_account(&account).await?;
        write.commit().await?;
        Ok(account)
    }

    pub async fn add_member(
        &self,
        business: BusinessId,
        email: &str,
        display_name: &str,
        role: Role,
    ) -> Result<Member, Error> {
        let business = self.business(business).await?;
        let member = Member {
            id: self.ids.next(),
            business: business.id,
            email: checked_email(email)?,
            display_name: checked_name("display name", display_name)?,
            role: role.name().to_owned(),
            created_at: self.clock.now(),
        };
        let mut write = self.store.write().await?;
        write.insert_member(&member).await?;
        write.commit().await?;
        Ok(member)
    }

    /// Changes name, picture, zone and speed of an account. Its handle is what friends know it by:
    /// that of the request is not looked at.
    pub async fn change_account(
        &self,
        business: BusinessId,
        id: AccountId,
        request: &AccountRequest<'_>,
    ) -> Result<Account, Error> {
        let account = Account {
            display_name: checked_name("display name", request.display_name)?,
            icon_url: request.icon_url.map(checked_url).transpose()?,
            time_zone: checked_zone(request.time_zone)?,
            rate_per_second: request.rate_per_second.map(checked_rate).transpose()?,
            ..self.account(business, id).await?
        };
        let mut write = self.store.write().await?;
        write.update_account(&account).await?;
        write.commit().await?;
        Ok(account)
    }

    /// Gives a member another role. A business keeps an owner.
    pub async fn change_role(
        &self,
        business: BusinessId,
        member: MemberId,
        role: Role,
    ) -> Result<(), Error> {
        let mut write = self.store.write().await?;
        if role != Role::Owner {
            expect_another_owner(&mut write, business, member).await?;
        }
        write.set_member_role(business, member, role.name()).await?;
        Ok(write.commit().await?)
    }

    /// Removes a member and ends their sessions. A business keeps an owner.
    pub async fn remove_member(&self, business: BusinessId, member: MemberId) -> Result<(), Error> {
        let mut write = self.store.write().await?;
        expect_another_owner(&mut write, business, member).await?;
        write.delete_member(business, member).await?;
        Ok(write.commit().await?)
    }

    /// The words friends agree to. They never change: other words are another version.
    pub async fn add_wording(
        &self,
        business: BusinessId,
        account: AccountId,
        version: &str,
        text: &str,
    ) -> Result<Wording, Error> {
        let account = self.account(business, account).await?;
        let wording = Wording {
            id: self.ids.next(),
            account: account.id,
            version: checked_version(version)?,
            text: checked_text(text)?,
            hash: Sha256::digest(text.as_bytes()).into(),
            created_at: self.clock.now(),
        };
        let mut write = self.store.write().await?;
        write.insert_wording(&wording).await?;
        write.commit().await?;
        Ok(wording)
    }

    pub async fn business(&self, id: BusinessId) -> Result<Business, Error> {
        let found = self.store.business(id).await?;
        found.ok_or_else(|| Error::NotFound(format!("business {id}")))
    }

    /// An account of this business; another business's account is not there.
    pub async fn account(&self, business: BusinessId, id: AccountId) -> Result<Account, Error> {
        let found = self.store.account_of_business(business, id).await?;
        found.ok_or_else(|| Error::NotFound(format!("account {id}")))
    }

    /// The account behind a handle, of whichever business: for the operator's shell.
    pub async fn account_by_handle(&self, handle: &str) -> Result<Account, Error> {
        let handle = Handle::parse(handle).map_err(|why| Error::refused("handle", why))?;
        let found = self.store.account_by_handle(&handle).await?;
        found.ok_or_else(|| Error::NotFound(format!("account {handle}")))
    }
}

async fn expect_another_owner(
    write: &mut store::Write,
    business: BusinessId,
    member: MemberId,
) -> Result<(), Error> {
    let owners = write
        .members_with_role(business, Role::Owner.name())
        .await?;
    match owners.iter().all(|owner| owner.id == member) && !owners.is_empty() {
        true => Err(Error::refused("role", "the business needs an owner")),
        false => Ok(()),
    }
}

pub(crate) fn checked_name(field: &'static str, text: &str) -> Result<String, Error> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > NAME_CHARS_MAX {
        let why = format!("has 1 to {NAME_CHARS_MAX} characters, not {length}");
        return Err(Error::refused(field, why));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => {
            let why = format!("holds the control character U+{:04X}", c as u32);
            Err(Error::refused(field, why))
        }
        None => Ok(text.to_owned()),
    }
}

/// As much of an address as can be known without writing to it.
fn checked_email(text: &str) -> Result<String, Error> {
    let refuse = || Error::refused("email", format!("'{}' is not an address", excerpt(text)));
    let printable = text.chars().all(|c| !c.is_control() && !c.is_whitespace());
    let (local, domain) = text.split_once('@').ok_or_else(refuse)?;
    let has_two_sides = !local.is_empty() && domain.len() >= 3 && !domain.contains('@');
    let domain_fits = domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.');
    if printable && has_two_sides && domain_fits && text.len() <= EMAIL_BYTES_MAX {
        return Ok(text.to_lowercase());
    }
    Err(refuse())
}

fn checked_url(text: &str) -> Result<String, Error> {
    let address = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_own = OWN_PATHS.iter().any(|path| text.starts_with(path)) && !text.contains("..");
    let has_host = address.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if (has_host || is_own) && printable && text.len() <= ICON_URL_BYTES_MAX {
        return Ok(text.to_owned());
    }
    let why = format!("'{}' is not an http or https address", excerpt(text));
    Err(Error::refused("icon", why))
}

fn checked_zone(name: &str) -> Result<String, Error> {
    let found = zone(name).map_err(|why| Error::refused("time zone", why))?;
    Ok(found.iana_name().unwrap_or(name).to_owned())
}

pub(crate) fn checked_rate(rate: u32) -> Result<u32, Error> {
    match rate {
        1..=RATE_PER_SECOND_MAX => Ok(rate),
        _ => {
            let why = format!("is 1 to {RATE_PER_SECOND_MAX} recipients per second");
            Err(Error::refused("rate", why))
        }
    }
}

fn checked_version(text: &str) -> Result<String, Error> {
    let letters_fit = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if letters_fit && (1..=WORDING_VERSION_BYTES_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    let max = WORDING_VERSION_BYTES_MAX;
    let why = format!(
        "has 1 to {max} of letters, digits, '-', '_' and '.', not '{}'",
        excerpt(text)
    );
    Err(Error::refused("version", why))
}

fn checked_text(text: &str) -> Result<String, Error> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > WORDING_TEXT_CHARS_MAX {
        let why = format!("has 1 to {WORDING_TEXT_CHARS_MAX} characters, not {length}");
        return Err(Error::refused("text", why));
    }
    match text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        Some(_) => Err(Error::refused("text", "holds a control character")),
        None => Ok(text.to_owned()),
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
