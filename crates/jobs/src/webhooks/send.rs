//! The role `jobs`: accounts beside each other, the events of each in requests after each other.

use std::sync::Arc;
use std::time::Duration;

use domain::id::AccountId;
use domain::webhook;
use store::webhook::{DueEvent, WebhookEndpoint};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Webhooks;
use super::post::{ANSWER_TIMEOUT, Outcome};
use crate::Error;

/// Accounts that are told something at once.
const ACCOUNTS_AT_ONCE: usize = 64;
/// How long nobody else tells an account anything, although whoever does says nothing more.
const LEASE: Duration = Duration::from_secs(20);
/// How often somebody looks whether another process has made events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After something that may pass.
const REST: Duration = Duration::from_secs(5);
/// Events of one request, and bytes of their bodies: the first goes however large it is.
pub const EVENTS_MAX: u32 = 100;
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

const _: () = assert!(ANSWER_TIMEOUT.as_secs() * 4 < LEASE.as_secs());
