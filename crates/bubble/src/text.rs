//! Words: variables in their places, emojis in theirs, links that can be followed.

use std::collections::BTreeMap;

use domain::variable;

use crate::address;
use crate::part::Part;

/// Characters that end a sentence rather than an address.
const CLOSING: [char; 18] = [
    '.', ',', '!', '?', ':', ';', ')', ']', '}', '"', '\'', '>', '。', '、', '」', '）', '…', '”',
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Words(String),
    Link(String),
    Emoji,
}

/// The text with `{{name}}` and `{{name|fallback}}` filled in. Braces that are no variable stay.
pub fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    let piece = |piece| match piece {
        variable::Piece::Words(words) => words,
        variable::Piece::Variable { name, fallback } => {
            let value = variables.get(name).filter(|value| !value.is_empty());
            value.map_or(fallback, String::as_str)
        }
    };
    variable::pieces(text).map(piece).collect()
}

/// A text message in pieces. Emojis replace the `$` at their index, counted in UTF-16 code units.
pub(crate) fn pieces(message: &Part<'_>, variables: &BTreeMap<String, String>) -> Vec<Piece> {
    let text = message.text("text").unwrap_or("");
    let emojis: Vec<u64> = message
        .list("emojis")
        .iter()
        .filter_map(|emoji| emoji.number("index"))
        .collect();
    let mut pieces = Vec::new();
    let mut words = String::new();
    let mut unit = 0;
    for character in text.chars() {
        if character == '$' && emojis.contains(&unit) {
            links(&filled(&words, variables), &mut pieces);
            words.clear();
            pieces.push(Piece::Emoji);
        } else {
            words.push(character);
        }
        unit += character.len_utf16() as u64;
    }
    links(&filled(&words, variables), &mut pieces);
    pieces
}

fn links(text: &str, pieces: &mut Vec<Piece>) {
    let mut rest = text;
    while let Some(start) = first_scheme(rest) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| c.is_whitespace() || c == '<');
        let found = from[..end.unwrap_or(from.len())].trim_end_matches(CLOSING);
        match address::page(found) {
            Some(link) => {
                push_words(before, pieces);
                pieces.push(Piece::Link(link.to_owned()));
                rest = &from[found.len()..];
            }
            None => {
                let (scheme, after) = from.split_at("http".len());
                push_words(&format!("{before}{scheme}"), pieces);
                rest = after;
            }
        }
    }
    push_words(rest, pieces);
}

fn first_scheme(text: &str) -> Option<usize> {
    let places = ["https://", "http://"];
    places.iter().filter_map(|scheme| text.find(scheme)).min()
}

fn push_words(words: &str, pieces: &mut Vec<Piece>) {
    if words.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Words(last)) => last.push_str(words),
        _ => pieces.push(Piece::Words(words.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> BTreeMap<String, String> {
        BTreeMap::from([("name".to_owned(), "하늘".to_owned())])
    }

    #[test]
    fn variables_are_filled_and_braces_that_are_none_stay() {
        for (text, expected) in [
            ("{{name|고객}} 님", "하늘 님"),
            ("{{ name | 고객 }} 님", "하늘 님"),
            ("{{points|0}}점", "0점"),
            ("{{points}}점", "점"),
            ("{{{name}}}", "{하늘}"),
            ("{{}} {{name", "{{}} {{name"),
            ("{name} }}{{", "{name} }}{{"),
            ("", ""),
        ] {
            assert_eq!(filled(text, &variables()), expected, "{text}");
        }
    }

    #[test]
    fn links_end_where_the_sentence_goes_on() {
        let message =
            json!({"text": "보세요 (https://a.example/b?c=d). http://b.example, http://"});
        let found = pieces(&Part::message(0, &message), &variables());
        let words = |text: &str| Piece::Words(text.to_owned());
        let link = |text: &str| Piece::Link(text.to_owned());
        assert_eq!(
            found,
            [
                words("보세요 ("),
                link("https://a.example/b?c=d"),
                words("). "),
                link("http://b.example"),
                words(", http://"),
            ]
        );
    }

    #[test]
    fn emojis_stand_where_their_dollar_stood() {
        let message = json!({"text": "🎉$ $5", "emojis": [{"index": 2}]});
        let found = pieces(&Part::message(0, &message), &variables());
        let words = |text: &str| Piece::Words(text.to_owned());
        assert_eq!(found, [words("🎉"), Piece::Emoji, words(" $5")]);
    }
}
