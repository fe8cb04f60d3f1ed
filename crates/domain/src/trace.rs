//! Under which id the way of a chunk is traced, across processes and into the messenger.
//!
//! Nothing is carried for it: the id is the push key, which everybody who handles the chunk can
//! compute, and so are the ids of the steps. Whoever has a push key finds its trace.

use uuid::Uuid;

use crate::push::PushKey;

/// What steps are logged under: nobody else logs so.
pub const TARGET: &str = "chingu_trace";

/// Of how many chunks in a million the steps are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    pub const MILLION: u32 = 1_000_000;
    pub const NONE: Self = Self(0);

    /// More than a million is all.
    pub const fn per_million(share: u32) -> Self {
        Self(share)
    }

    /// Whether this chunk is one of them: the same in every process of the same share, and with a
    /// greater share the same and more.
    pub fn takes(self, key: &PushKey) -> bool {
        let [_, random] = key.as_bytes().as_chunks::<8>().0 else {
            return false;
        };
        u64::from_be_bytes(*random) % u64::from(Self::MILLION) < u64::from(self.0)
    }
}

/// A step on a chunk's way. The first one is what the others, and the messenger's, stand below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Publish,
    Claim,
    Push,
    Record,
}

impl Step {
    pub const ALL: [Step; 4] = [Self::Publish, Self::Claim, Self::Push, Self::Record];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Claim => "claim",
            Self::Push => "push",
            Self::Record => "record",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// The id of this step of the chunk's epoch. What is published again is the same step: epochs
    /// begin with a claim.
    pub fn id(self, key: &PushKey, epoch: u32) -> [u8; 8] {
        let epoch = if self == Self::Publish { 0 } else { epoch };
        let name = [self.name().as_bytes(), &epoch.to_be_bytes()].concat();
        let key = Uuid::from_bytes(*key.as_bytes());
        let [first, _] = *Uuid::new_v5(&key, &name).as_bytes().as_chunks::<8>().0 else {
            unreachable!("an id has 16 bytes");
        };
        first
    }
}

/// The header by which the messenger goes on with the trace, after W3C Trace Context.
pub fn traceparent(key: &PushKey, share: Share) -> String {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let (trace, parent) = (hex(key.as_bytes()), hex(&Step::Publish.id(key, 0)));
    let is_told = u8::from(share.takes(key));
    format!("00-{trace}-{parent}-{is_told:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> PushKey {
        let name = number.to_be_bytes();
        PushKey::from_bytes(*Uuid::new_v5(&Uuid::from_bytes([7; 16]), &name).as_bytes())
    }

    #[test]
    fn a_share_is_about_that_many_and_grows_by_adding() {
        let (small, large) = (Share::per_million(50_000), Share::per_million(200_000));
        let of = |share: Share| (0..20_000).filter(move |n| share.takes(&key(*n)));
        let taken = of(small).count();
        assert!((800..1_200).contains(&taken), "{taken}");
        assert!(of(small).all(|n| large.takes(&key(n))));
        assert_eq!(of(Share::NONE).count(), 0);
        assert_eq!(of(Share::per_million(Share::MILLION)).count(), 20_000);
    }

    #[test]
    fn steps_differ_and_are_computed_again() {
        let ids: std::collections::HashSet<[u8; 8]> = [key(1), key(2)]
            .iter()
            .flat_map(|key| Step::ALL.map(|step| [step.id(key, 1), step.id(key, 2)]))
            .flatten()
            .collect();
        // What is published has one id in all epochs.
        assert_eq!(ids.len(), 2 * (3 * 2 + 1));
        assert_eq!(Step::Push.id(&key(1), 3), Step::Push.id(&key(1), 3));
        assert!(
            Step::ALL
                .iter()
                .all(|step| Step::from_name(step.name()) == Some(*step))
        );
    }

    #[test]
    fn the_header_is_as_the_standard_has_it() {
        let told = traceparent(&key(1), Share::per_million(Share::MILLION));
        let parts: Vec<&str> = told.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [2, 32, 16, 2]);
        assert_eq!((parts[0], parts[3]), ("00", "01"));
        assert_eq!(parts[1], key(1).to_string().replace('-', ""));
        assert!(traceparent(&key(1), Share::NONE).ends_with("-00"));
    }
}
