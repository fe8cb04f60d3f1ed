//! Why somebody did not get a message, or why a campaign stands still, in plain words.
//!
//! The codes are the record's; the words stand in `reasons.ftl`. Every page that names a reason
//! asks here, so that a running campaign and its report say the same.

use domain::campaign::PauseReason;
use domain::contract::Billable;
use domain::outcome::{Outcome, RejectionCode};
use domain::rule::RuleId;
use words::{Phrase, Words};

/// Why the messenger did not deliver to somebody.
pub fn of_rejection(words: &Words, code: RejectionCode) -> Phrase {
    words.t(format!("reason-failed-{}", key_of(code.name())))
}

/// Why somebody was skipped, by the freeze or right before sending.
pub fn of_rule(words: &Words, rule: RuleId) -> Phrase {
    words.t(format!("reason-skipped-{}", key_of(rule.name())))
}

/// Why a campaign stands still.
pub fn of_pause(words: &Words, reason: PauseReason) -> Phrase {
    words.t(format!("reason-paused-{}", key_of(reason.name())))
}

/// What became of one send, in a word; [`of_outcome`] says why, where there is a why.
pub fn outcome(words: &Words, outcome: Outcome) -> Phrase {
    words.t(format!("outcome-{}", key_of(outcome.name())))
}

/// Of two keys the one for whoever is undecided: uncertain, or accepted where what was delivered is
/// billed, which is not confirmed yet.
pub const fn undecided(
    billable: Billable,
    [uncertain, unconfirmed]: [&'static str; 2],
) -> &'static str {
    match billable {
        Billable::Accepted => uncertain,
        Billable::Delivered => unconfirmed,
    }
}

/// Why an outcome is what it is; `None` where it speaks for itself.
pub fn of_outcome(words: &Words, outcome: Outcome) -> Option<Phrase> {
    match outcome {
        Outcome::Failed(code) => Some(of_rejection(words, code)),
        Outcome::Excluded(rule) => Some(of_rule(words, rule)),
        _ => None,
    }
}

/// Names of the record have underscores, keys of the catalogue hyphens.
fn key_of(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    #[test]
    fn every_reason_has_words() {
        for language in Language::ALL {
            let words = Words::of(language);
            let codes = (0..=u8::MAX).filter_map(Outcome::from_code);
            for code in codes {
                let said = outcome(&words, code).to_string();
                let why = of_outcome(&words, code).map(|why| why.to_string());
                for text in [Some(said), why].into_iter().flatten() {
                    assert!(
                        !text.contains("outcome-") && !text.contains("reason-"),
                        "{text}"
                    );
                }
            }
            for reason in PauseReason::ALL {
                assert!(!of_pause(&words, reason).to_string().contains("reason-"));
            }
        }
    }
}
