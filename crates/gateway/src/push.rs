//! Reading a push: what the messenger's side must be able to trust before it processes one.
//!
//! The recipients' texts are borrowed from the body: a broadcast brings thousands of requests of a
//! thousand recipients, and each is looked at once.

use std::borrow::Cow;
use std::fmt;

use domain::campaign::Purpose;
use domain::codec::PackedKeys;
use domain::id::CampaignId;
use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::{USER_KEY_BYTES_MAX, UserKey};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::body::{AccountCard, ContentHash, Link, check_links, check_messages, count_elements};
use crate::error::{Error, quoted, read_object};
use crate::variables::check_variables;
use crate::{BODY_BYTES_MAX, RECIPIENTS_MAX};

/// A push whose every field was checked. Fields that version 1 does not name are passed over.
#[derive(Debug)]
pub struct PushRequest<'a> {
    pub push_key: PushKey,
    pub content_hash: ContentHash,
    pub campaign: CampaignId,
    pub purpose: Purpose,
    pub account: AccountCard,
    /// The account as it stood in the body.
    pub account_text: &'a str,
    pub notification_disabled: bool,
    pub not_after: Option<Timestamp>,
    /// The JSON array of 1 to 5 message objects as it stood in the body.
    pub messages_text: &'a str,
    pub links: Vec<Link>,
    /// The JSON array of links as it stood in the body; empty where it was left out.
    pub links_text: &'a str,
    pub recipients: Vec<Cow<'a, str>>,
    /// The JSON object of parallel columns as it stood in the body.
    pub variables_text: Option<&'a str>,
    /// Positions among the recipients, rising.
    pub exclude: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    push_key: Cow<'a, str>,
    #[serde(borrow)]
    content_hash: Cow<'a, str>,
    campaign_id: CampaignId,
    #[serde(borrow)]
    purpose: Cow<'a, str>,
    #[serde(borrow)]
    account: &'a RawValue,
    notification_disabled: bool,
    #[serde(default, borrow)]
    not_after: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: &'a RawValue,
    #[serde(default, borrow)]
    links: Option<&'a RawValue>,
    #[serde(borrow)]
    recipients: Recipients<'a>,
    #[serde(default, borrow)]
    variables: Option<&'a RawValue>,
    #[serde(default)]
    exclude: Vec<u32>,
}

impl<'a> PushRequest<'a> {
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Error::TooLarge {
                bytes: body.len(),
                max: BODY_BYTES_MAX,
            });
        }
        let wire: Wire<'a> = read_object("a push", body)?;
        let recipients = wire.recipients.0;
        let messages_text = wire.messages.get();
        check_messages(messages_text)?;
        let links_text = wire.links.map_or("[]", RawValue::get);
        let links: Vec<Link> = serde_json::from_str(links_text)
            .map_err(|error| Error::malformed(format!("links: {error}")))?;
        check_links(&links, count_elements(messages_text)?)?;
        if let Some(variables) = wire.variables {
            check_variables(variables.get(), recipients.len())?;
        }
        Ok(Self {
            push_key: parse_key(&wire.push_key)?,
            content_hash: ContentHash::parse(&wire.content_hash).ok_or_else(|| {
                Error::malformed(format!(
                    "contentHash {} is not sha256: and 64 hex digits",
                    quoted(&wire.content_hash)
                ))
            })?,
            campaign: wire.campaign_id,
            purpose: parse_purpose(&wire.purpose)?,
            account: serde_json::from_str(wire.account.get())
                .map_err(|error| Error::malformed(format!("account: {error}")))?,
            account_text: wire.account.get(),
            notification_disabled: wire.notification_disabled,
            not_after: parse_not_after(wire.not_after)?,
            messages_text,
            links,
            links_text,
            exclude: parse_exclude(wire.exclude, recipients.len())?,
            recipients,
            variables_text: wire.variables.map(RawValue::get),
        })
    }

    /// Tells contents apart: a digest of the frozen parts as they stand in this body, recipients
    /// and variables left out. Not the content hash, which is the sender's.
    pub fn frozen_digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.campaign.as_bytes());
        digest.update([self.purpose.code(), u8::from(self.notification_disabled)]);
        for text in [self.account_text, self.messages_text, self.links_text] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }

    /// The recipients in the form that is stored: 16 bytes each where they have the usual shape.
    pub fn packed_recipients(&self) -> PackedKeys {
        let mut packed = vec![0; self.recipients.len() * 16];
        let (places, _) = packed.as_chunks_mut::<16>();
        let all_fit = self
            .recipients
            .iter()
            .zip(places)
            .all(|(key, place)| pack_key(key.as_bytes(), place));
        if all_fit {
            return PackedKeys::of_packed(&packed);
        }
        let keys: Vec<UserKey> = self
            .recipients
            .iter()
            .filter_map(|key| UserKey::parse(key).ok())
            .collect();
        debug_assert_eq!(
            keys.len(),
            self.recipients.len(),
            "parse() checked every key"
        );
        PackedKeys::of(&keys)
    }
}

fn parse_key(text: &str) -> Result<PushKey, Error> {
    PushKey::parse(text)
        .ok_or_else(|| Error::malformed(format!("pushKey {} is not a UUID", quoted(text))))
}

fn parse_purpose(text: &str) -> Result<Purpose, Error> {
    match text {
        "promotion" => Ok(Purpose::Promotion),
        "information" => Ok(Purpose::Information),
        _ => Err(Error::malformed(format!(
            "purpose {} is neither promotion nor information",
            quoted(text)
        ))),
    }
}

fn parse_not_after(text: Option<Cow<'_, str>>) -> Result<Option<Timestamp>, Error> {
    text.map(|text| Timestamp::parse_rfc3339(&text))
        .transpose()
        .map_err(|error| Error::malformed(format!("notAfter: {error}")))
}

fn parse_exclude(mut exclude: Vec<u32>, recipients: usize) -> Result<Vec<u32>, Error> {
    exclude.sort_unstable();
    if let Some(last) = exclude.last()
        && *last as usize >= recipients
    {
        return Err(Error::malformed(format!(
            "exclude names position {last}, there are {recipients} recipients"
        )));
    }
    match exclude.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::malformed(format!(
            "exclude names position {} twice",
            pair[0]
        ))),
        None => Ok(exclude),
    }
}

/// `U` and 32 lower-case hex digits into 16 bytes; false where the key has another shape.
fn pack_key(key: &[u8], place: &mut [u8; 16]) -> bool {
    let Some((b'U', digits)) = key.split_first() else {
        return false;
    };
    if digits.len() != 32 {
        return false;
    }
    let (pairs, _) = digits.as_chunks::<2>();
    let mut wrong = 0u8;
    for (pair, byte) in pairs.iter().zip(place.iter_mut()) {
        let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
        wrong |= high | low;
        *byte = high << 4 | (low & 0x0f);
    }
    wrong & NOT_A_NIBBLE == 0
}

const NOT_A_NIBBLE: u8 = 0x80;
/// The value of every lower-case hex digit; one look per digit instead of comparisons.
static NIBBLES: [u8; 256] = {
    let mut table = [NOT_A_NIBBLE; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

struct Recipients<'a>(Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Recipients<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_seq(RecipientsVisitor)
            .map(Recipients)
    }
}

struct RecipientsVisitor;

impl<'de> Visitor<'de> for RecipientsVisitor {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of user keys")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut recipients = Vec::with_capacity(RECIPIENTS_MAX);
        while let Some(RecipientText(key)) = elements.next_element()? {
            if recipients.len() == RECIPIENTS_MAX {
                let words = format!("more than {RECIPIENTS_MAX} recipients");
                return Err(A::Error::custom(words));
            }
            if key.is_empty() || key.len() > USER_KEY_BYTES_MAX {
                return Err(A::Error::custom(format!(
                    "recipients[{}] is not 1 to {USER_KEY_BYTES_MAX} characters",
                    recipients.len()
                )));
            }
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(A::Error::custom(format!(
                    "recipients[{}] holds a character other than printable ASCII",
                    recipients.len()
                )));
            }
            recipients.push(key);
        }
        if recipients.is_empty() {
            return Err(A::Error::custom("there are no recipients"));
        }
        Ok(recipients)
    }
}

/// serde borrows a lone `Cow` field but not one inside a sequence: this does.
struct RecipientText<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for RecipientText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = RecipientText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a user key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(RecipientText(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(RecipientText(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}
