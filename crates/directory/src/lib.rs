//! Who exists and who may be reached: operators, businesses, accounts, members, wordings, friends.
//!
//! It owns every write that is neither delivery nor money. It does not own SQL (`store`) nor the
//! rules of what is valid and which fact stands (`domain`).
//!
//! Invariants: whatever changes a friend goes through [`friends::apply`], which notes for the gates
//! of running campaigns who became less reachable, in the same transaction; what belongs to a
//! business is found only with the business's id.

pub mod error; // what went wrong, by what the caller does about it
pub mod organisation; // operators, businesses, accounts, members, wordings
pub mod channels; // what brands' programs prove themselves with, and their tokens
pub mod sign_in; // passwords, sessions, and the limits on guessing
pub mod campaigns; // campaigns as a brand writes them
pub mod programs; // campaigns as brands' programs write them, inside writes of their callers
pub mod drafts; // campaigns that are being written, part by part
pub mod testers; // friends whom drafts are sent to first, and the tests of drafts
pub mod media; // pictures that are uploaded: looked at, made small, kept
pub mod menus; // rich menus, their names, and whose they are
pub mod coupons; // coupons made and closed
pub mod fold; // which facts about a friend stand, in whatever order they came
pub mod friends; // the one way in for everything that changes a friend
pub mod tags; // tags that people set by hand

pub use campaigns::{CampaignRequest, Finish};
pub use channels::{ChannelPorts, Channels, Vault};
pub use coupons::CouponError;
pub use error::Error;
pub use fold::{Fact, FriendFact, Imported, ProfileChange};
pub use media::{MediaError, Picture};
pub use menus::{MenuError, MenusOf};
pub use organisation::{AccountRequest, Directory, Permission, Role};
pub use sign_in::{OperatorSignIn, OperatorVisit, SignIn, SignInError, Visit};
pub use tags::TagChange;
pub use testers::TestRequest;
