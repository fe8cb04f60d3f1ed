//! The body of a push: frozen parts that a campaign's chunks share, and what differs per chunk.
//!
//! A broadcast builds ten thousand of these bodies, so the shared parts are serialized once and a
//! body is one buffer: nothing is allocated per recipient.
//!
//! The content hash is the SHA-256 of the JSON text
//! `{"campaignId":…,"purpose":…,"account":…,"notificationDisabled":…,"messages":…,"links":…,`
//! `"recipients":[…],"variables":{…}}` without white space between the parts (`variables` only
//! where there are any). The messenger compares it and never recomputes it.

use std::fmt;

use domain::campaign::Purpose;
use domain::codec::PackedKeys;
use domain::id::{AccountId, CampaignId};
use domain::push::PushKey;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::variables::select_variables;
use crate::{BODY_BYTES_MAX, MESSAGES_MAX};

/// The account as its friends see it, frozen at launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountCard {
    pub id: AccountId,
    pub handle: String,
    pub display_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

/// A link of a message that the messenger reports taps of: the message's position and the property
/// path in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub id: String,
    pub message: u32,
    pub path: String,
}

/// What is the same in every push of a campaign.
#[derive(Debug, Clone)]
pub struct FrozenParts<'a> {
    pub campaign: CampaignId,
    pub purpose: Purpose,
    pub account: &'a AccountCard,
    pub notification_disabled: bool,
    /// The JSON array of 1 to 5 message objects.
    pub messages: &'a str,
    pub links: &'a [Link],
}

/// The frozen parts, serialized once.
#[derive(Clone)]
pub struct FrozenBody {
    /// One JSON object of the frozen parts, without its closing brace.
    open_object: String,
    /// The digest after `open_object`: each chunk's hash goes on from here.
    prefix: Sha256,
}

/// What the messenger compares when a key comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

const CONTENT_HASH_PREFIX: &str = "sha256:";
/// Key, hash, notAfter and the names around them.
const ENVELOPE_BYTES: usize = 256;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored<'a> {
    campaign_id: CampaignId,
    purpose: &'a str,
    #[serde(borrow)]
    account: &'a RawValue,
    notification_disabled: bool,
    messages: &'a RawValue,
    links: Vec<Link>,
}

impl FrozenBody {
    pub fn new(parts: &FrozenParts<'_>) -> Result<Self, Error> {
        let words = |error| Error::json("frozen parts", &error);
        let messages: &RawValue = serde_json::from_str(parts.messages).map_err(words)?;
        let account = serde_json::value::to_raw_value(parts.account).map_err(words)?;
        let stored = Stored {
            campaign_id: parts.campaign,
            purpose: parts.purpose.name(),
            account: &account,
            notification_disabled: parts.notification_disabled,
            messages,
            links: parts.links.to_vec(),
        };
        Self::from_stored(&serde_json::to_string(&stored).map_err(words)?)
    }

    /// The text to keep once per campaign: a JSON object of the frozen parts.
    pub fn to_stored(&self) -> String {
        format!("{}}}", self.open_object)
    }

    /// Reads what [`FrozenBody::to_stored`] gave; another text is refused.
    pub fn from_stored(text: &str) -> Result<Self, Error> {
        let stored: Stored<'_> =
            serde_json::from_str(text).map_err(|error| Error::json("frozen parts", &error))?;
        let messages = stored.messages.get();
        check_messages(messages)?;
        check_links(&stored.links, count_elements(messages)?)?;
        let open_object = text
            .strip_suffix('}')
            .filter(|open| open.starts_with('{'))
            .ok_or_else(|| Error::malformed("frozen parts have no white space around them"))?;
        Ok(Self {
            open_object: open_object.to_owned(),
            prefix: Sha256::new().chain_update(open_object),
        })
    }

    /// What `message(hash)` is found by: the SHA-256 of the stored text.
    pub fn hash(&self) -> [u8; 32] {
        self.prefix.clone().chain_update(b"}").finalize().into()
    }

    /// `"campaignId":…,"links":[…]`: the members without the braces.
    fn members(&self) -> &str {
        &self.open_object[1..]
    }
}

impl fmt::Debug for FrozenBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrozenBody({} bytes)", self.open_object.len())
    }
}

impl PartialEq for FrozenBody {
    fn eq(&self, other: &Self) -> bool {
        self.open_object == other.open_object
    }
}

impl ContentHash {
    /// Reads `sha256:` and 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(CONTENT_HASH_PREFIX)?;
        if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CONTENT_HASH_PREFIX}{}", hex::encode(self.0))
    }
}

/// The content hash of one chunk; `variables` is the JSON object of parallel columns.
pub fn content_hash(
    frozen: &FrozenBody,
    keys: &PackedKeys,
    variables: Option<&str>,
) -> Result<[u8; 32], Error> {
    let mut rest = Vec::with_capacity(recipients_bytes(keys) + ENVELOPE_BYTES);
    push_recipients(&mut rest, keys)?;
    push_variables(&mut rest, variables);
    rest.push(b'}');
    Ok(frozen.prefix.clone().chain_update(&rest).finalize().into())
}

/// Content hash and variables of those recipients of a chunk that are at `positions`: a next round,
/// or one part of a chunk. `keys` are theirs already, `variables` are the whole chunk's.
pub fn part_of_body(
    frozen: &FrozenBody,
    keys: &PackedKeys,
    variables: Option<&str>,
    positions: &[u32],
) -> Result<([u8; 32], Option<String>), Error> {
    let variables = variables
        .map(|text| select_variables(text, positions))
        .transpose()?;
    let hash = content_hash(frozen, keys, variables.as_deref())?;
    Ok((hash, variables))
}

/// The body of one push. Refuses one that the messenger would refuse for its size.
pub fn push_body(
    key: PushKey,
    hash: &[u8; 32],
    frozen: &FrozenBody,
    keys: &PackedKeys,
    variables: Option<&str>,
    not_after: Option<Timestamp>,
    exclude: &[u32],
) -> Result<Vec<u8>, Error> {
    let members = frozen.members();
    let bytes = ENVELOPE_BYTES
        + members.len()
        + recipients_bytes(keys)
        + variables.map_or(0, str::len)
        + exclude.len() * 5;
    let mut body = Vec::with_capacity(bytes);
    push_text(&mut body, format_args!("{{\"pushKey\":\"{key}\","));
    let hash = ContentHash(*hash);
    push_text(&mut body, format_args!("\"contentHash\":\"{hash}\","));
    if let Some(not_after) = not_after {
        push_text(&mut body, format_args!("\"notAfter\":\"{not_after}\","));
    }
    body.extend_from_slice(members.as_bytes());
    push_recipients(&mut body, keys)?;
    push_variables(&mut body, variables);
    if !exclude.is_empty() {
        body.extend_from_slice(b",\"exclude\":[");
        for (index, position) in exclude.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            push_text(&mut body, format_args!("{comma}{position}"));
        }
        body.push(b']');
    }
    body.push(b'}');
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::TooLarge {
            bytes: body.len(),
            max: BODY_BYTES_MAX,
        });
    }
    Ok(body)
}

/// The elements of a JSON array, or why it is none.
pub(crate) fn count_elements(array: &str) -> Result<usize, Error> {
    serde_json::from_str::<Vec<&RawValue>>(array)
        .map(|elements| elements.len())
        .map_err(|error| Error::json("an array of messages", &error))
}

/// 1 to 5 objects. What stands in them is the message validator's matter.
pub(crate) fn check_messages(array: &str) -> Result<(), Error> {
    let messages: Vec<&RawValue> = serde_json::from_str(array)
        .map_err(|error| Error::malformed(format!("messages is not an array: {error}")))?;
    if !(1..=MESSAGES_MAX).contains(&messages.len()) {
        return Err(Error::malformed(format!(
            "messages has {} elements, expected 1 to {MESSAGES_MAX}",
            messages.len()
        )));
    }
    match messages
        .iter()
        .position(|text| !text.get().starts_with('{'))
    {
        Some(index) => Err(Error::malformed(format!(
            "messages[{index}] is not an object"
        ))),
        None => Ok(()),
    }
}

pub(crate) fn check_links(links: &[Link], messages: usize) -> Result<(), Error> {
    match links.iter().find(|link| link.message as usize >= messages) {
        Some(link) => Err(Error::malformed(format!(
            "a link names message {}, there are {messages}",
            link.message
        ))),
        None => Ok(()),
    }
}

/// Enough for keys of the packed form; other keys let the buffer grow once.
fn recipients_bytes(keys: &PackedKeys) -> usize {
    keys.as_blob().len() / 16 * 36 + 32
}

fn push_recipients(out: &mut Vec<u8>, keys: &PackedKeys) -> Result<(), Error> {
    out.extend_from_slice(b",\"recipients\":[");
    let start = out.len();
    keys.for_each(|key| {
        if out.len() > start {
            out.push(b',');
        }
        out.push(b'"');
        // Printable ASCII has two characters that JSON escapes; most keys have neither.
        if key.bytes().any(|byte| matches!(byte, b'"' | b'\\')) {
            for byte in key.bytes() {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
        } else {
            out.extend_from_slice(key.as_bytes());
        }
        out.push(b'"');
    })?;
    out.push(b']');
    Ok(())
}

fn push_variables(out: &mut Vec<u8>, variables: Option<&str>) {
    if let Some(variables) = variables {
        out.extend_from_slice(b",\"variables\":");
        out.extend_from_slice(variables.as_bytes());
    }
}

fn push_text(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    use std::io::Write;
    out.write_fmt(text)
        .expect("writing to a vector never fails: it has no limit of its own");
}
