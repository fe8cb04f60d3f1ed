//! The messenger gateway protocol, version 1: the wire between the platform and a messenger.
//!
//! It owns the shapes of requests, answers and events, the signature and the content hash, and what
//! an answer proves. It does no I/O and reads no clock, so that connector, API and sandbox share
//! one reading of the protocol. The files under `fixtures/` hold it for implementers of the other
//! side.

pub mod error; // what can be wrong with bytes from the other side
pub mod signature; // Chingu-Signature: who wrote this body
pub mod body; // frozen parts, content hash, the body of a push
pub mod variables; // parallel columns of personal values
pub mod push; // reading a push: the messenger's side
pub mod answer; // what a messenger answers, and what each answer proves
pub mod event; // messenger to platform: what friends did
pub mod chat; // messenger to platform: what a person sees in a chat beside its messages
pub mod retry_after; // how long to wait

pub use answer::{HttpAnswer, PushResponse, classify_ask, classify_close, classify_push};
pub use body::{
    AccountCard, ContentHash, FrozenBody, FrozenParts, Link, content_hash, part_of_body, push_body,
};
pub use chat::{
    ChatCoupon, ChatMenu, ChatQuestion, ChatState, ChatsAnswer, ChatsBody, CouponStanding,
    parse_chats,
};
pub use error::Error;
pub use event::{
    AccountRef, BadEvent, ConsentKind, Event, EventBody, EventId, FriendEvent, parse_events,
};
pub use push::PushRequest;
pub use signature::{Secret, Secrets, sign, verify};
pub use variables::select_variables;

/// The header of both directions that proves who wrote the body.
pub const SIGNATURE_HEADER: &str = "chingu-signature";
/// The header that repeats the push key.
pub const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// Recipients in one push.
pub const RECIPIENTS_MAX: usize = 1_000;
/// Message objects in one push.
pub const MESSAGES_MAX: usize = 5;
/// Events in one request.
pub const EVENTS_MAX: usize = 1_000;
/// Bytes of a request body, both directions.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of an answer: 1,000 rejections take about 60 kB.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
const _: () = assert!(RECIPIENTS_MAX == domain::chunk::CHUNK_SIZE_MAX as usize);
const _: () = assert!(RECIPIENTS_MAX * 1_000 < BODY_BYTES_MAX);
