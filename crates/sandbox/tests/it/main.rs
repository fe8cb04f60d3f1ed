//! The sandbox messenger through HTTP: what it promises, and what it does when asked to misbehave.

mod world; // a sandbox on a port, with a connector to it
mod promises; // keyed, queryable, neither; replays, closing, crash safety
mod refusals; // requests that are wrong
mod misbehaviour; // every fault, and the words to ask for them
mod events; // telling the platform
mod phone; // the messenger's screen: pages, deeds, taps
mod told; // what is done on the screen, told once and in order
