//! Words: variables in their places, emojis in theirs, links that can be followed.

use std::collections::BTreeMap;

use domain::message::text_v2;
use domain::variable;

use crate::address;
use crate::part::Part;

/// Characters that end a sentence rather than an address.
const CLOSING: [char; 18] = [
    '.', ',', '!', '?', ':', ';', ')', ']', '}', '"', '\'', '>', '。', '、', '」', '）', '…', '”',
];

/// What stands for every emoji of a messenger: they have pictures of their own.
const EMOJI: &str = "🙂";

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

/// A text message (v2) in pieces. Its braces name emojis and people; `everyone` is what all members
/// of a chat are called. What cannot be read so stays as it is written.
pub(crate) fn pieces_v2(message: &Part<'_>, everyone: &str) -> Vec<Piece> {
    let text = message.text("text").unwrap_or("");
    let mut pieces = Vec::new();
    let Some(found) = text_v2::pieces(text) else {
        links(text, &mut pieces);
        return pieces;
    };
    let substitution = message.part("substitution");
    for piece in found {
        let name = match piece {
            text_v2::Piece::Words(words) => {
                links(&words, &mut pieces);
                continue;
            }
            text_v2::Piece::Place(name) => name,
        };
        let substitute = substitution.as_ref().and_then(|found| found.part(name));
        match substitute.as_ref().map_or("", Part::kind) {
            "emoji" => pieces.push(Piece::Emoji),
            "mention" => {
                let mentioned = substitute.and_then(|found| found.part("mentionee"));
                let is_all = mentioned.is_some_and(|mentioned| mentioned.kind() == "all");
                let who = if is_all { everyone } else { name };
                push_words(&format!("@{who}"), &mut pieces);
            }
            _ => push_words(&format!("{{{name}}}"), &mut pieces),
        }
    }
    pieces
}

/// The pieces as one line of plain text.
pub(crate) fn joined(pieces: &[Piece]) -> String {
    let said = |piece: &Piece| match piece {
        Piece::Words(text) | Piece::Link(text) => text.clone(),
        Piece::Emoji => EMOJI.to_owned(),
    };
    pieces.iter().map(said).collect()
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

    #[test]
    fn braces_of_a_second_text_name_people_and_emojis() {
        let said = |text: &str| {
            let message = json!({"type": "textV2", "text": text, "substitution": {
                "kim": {"type": "mention", "mentionee": {"type": "user", "userId": "U1"}},
                "all": {"type": "mention", "mentionee": {"type": "all"}},
                "smile": {"type": "emoji", "productId": "p", "emojiId": "e"}}});
            joined(&pieces_v2(&Part::message(0, &message), "모두"))
        };
        for (text, expected) in [
            ("안녕 {kim}, {all}! {smile}", "안녕 @kim, @모두! 🙂"),
            ("{{name}} https://a.example", "{name} https://a.example"),
            ("{lee}", "{lee}"),
            ("{kim", "{kim"),
        ] {
            assert_eq!(said(text), expected);
        }
    }
}
