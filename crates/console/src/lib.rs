//! The pages of brands: sign-in, home, campaigns from draft to report, friends, wallet, settings;
//! and those of operators.
//!
//! It owns routes, forms and what pages show. It does not own words (`words`), files (`assets`),
//! drawing of messages (`bubble`), nor any write: it reads through a store that refuses to write,
//! and asks `directory`, `scheduler`, `billing` and `jobs` for everything else.
//!
//! Invariants: every page but sign-in begins with a [`desk::Desk`], so that nothing is read for
//! anybody but a member of the account's business; what belongs to another business is not there.
//! Operators' pages begin with an [`operator::desk::OperatorDesk`] instead, which no member gets.

pub mod state; // what pages are made from
pub mod error; // what went wrong, as a page in the reader's language
pub mod security; // headers of every answer
pub mod guest; // language and theme of whoever comes
pub mod desk; // a member at an account's desk: who may see a page
pub mod frame; // what surrounds every page: navigation, account, wallet
pub mod page; // from a template to an answer
pub mod routes; // every route on one page
pub mod sign_in; // signing in and out, language and theme
pub mod password; // changing one's own password
pub mod form; // what is wrong with a form, at its fields
mod limit; // an amount that may be left out
pub mod upload; // a form with a file, read with limits
pub mod media; // uploading a picture
pub mod own_campaign; // a campaign of this account, or nothing
pub mod reasons; // why somebody did not get it, in plain words
pub mod campaign_words; // a campaign's state, audience and name in a few words
pub mod campaigns; // the list, the calendar, and the way into each campaign
pub mod draft; // a draft as its pages read it
pub mod background; // questions whose answer takes longer than a page
pub mod audience; // who gets it: the step of a draft, the reach explored
pub mod schedule; // when, and how fast: the step of a draft, the forecast
pub mod aim; // a draft as it would be sent now
pub mod review; // the last look before it is sent
pub mod launch; // from a draft to a campaign under way
pub mod home; // the first page after signing in
pub mod running; // a campaign under way: watched, paused, cancelled
pub mod composer; // a draft's message step, drafts begun, copied, ended
pub mod report; // a campaign's results: figures, bill, every send
pub mod month_bill; // the bill of a closed month, as it is read
pub mod wallet; // what is there, what is held, every movement, each bill
pub mod friends; // who the friends are, how they came, and what happened
pub mod menus; // rich menus: made of a picture and a layout, shown, what was done with them
pub mod coupons; // coupons: made, sent, closed, who got and used them
pub mod settings; // account, members, oneself
pub mod operator; // the pages of who runs the installation
pub mod styleguide; // every component on one page

pub use routes::router;
pub use state::ConsoleState;
