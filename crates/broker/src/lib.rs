//! Moves chunk references from the dispatcher to the workers.
//!
//! It owns delivery of a hint: "this chunk may be claimed". It does not own the truth, which is the
//! database: losing every message costs latency, never a send. At least once; a message that was
//! received and not acknowledged comes again when its receiver is gone.

pub mod port; // what every broker does
pub mod lanes; // messages in line, a line per lane
pub mod in_process; // bounded, for the embedded engine
pub mod rabbitmq; // quorum queues, for several processes

pub use in_process::InProcessBroker;
pub use port::{Availability, Broker, BrokerError, Delivery, Depth, Lane, Message};
pub use rabbitmq::{InvalidRabbitMqConfig, RabbitMq, RabbitMqConfig};
