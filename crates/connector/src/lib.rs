//! Pushes one chunk to a messenger and classifies what came back.
//!
//! It owns what a transport error proves, the requests a chunk is split into, and when to stop
//! asking. It does not own what follows: `domain::chunk` decides from the classified answer.

pub mod port; // what every connector does
pub mod breaker; // when to stop asking
pub mod parts; // one chunk as several requests, and their answers put together
mod transport; // one HTTP exchange
pub mod gateway_http; // the messenger gateway over HTTP

pub use breaker::BreakReason;
pub use gateway_http::{Error, GatewayConfig, GatewayConnector};
pub use port::{Connector, Push};
