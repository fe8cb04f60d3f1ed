//! The examples of LINE's reference, on hosts of the example domain: all of them are accepted, and
//! nothing of them is lost.

use serde_json::Value;

use super::table::rules;
use crate::message::parse;

#[test]
fn the_examples_of_the_reference_are_accepted_and_kept() {
    let examples: Vec<Value> = serde_json::from_str(include_str!("corpus.json")).unwrap();
    let mut refused = Vec::new();
    for example in &examples {
        match parse(&Value::from(vec![example.clone()]).to_string(), &rules()) {
            Ok(messages) => {
                let json = messages.to_json();
                let kept: Vec<Value> = serde_json::from_str(&json).unwrap();
                assert_eq!(kept[0], *example);
                assert_eq!(parse(&json, &rules()), Ok(messages));
            }
            Err(errors) => refused.push(format!("{errors:?} in {example}")),
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert_eq!(examples.len(), 36);
}
