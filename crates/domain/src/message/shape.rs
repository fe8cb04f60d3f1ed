//! One declaration per message object: its Rust type, its canonical JSON and how it is read.
//!
//! Three hand-written lists of the same hundred properties would drift apart, and the canonical
//! JSON is hashed: the order of the declaration is the order on the wire.

/// Declares an object. `["word"]` is its `type`; `with` hands a fact to the reading functions,
/// which may also use the properties above them (by name, `None` where they were refused).
macro_rules! shape {
    (
        $(#[$attribute:meta])*
        $name:ident $([$tag:literal])? $(with $fact:ident: $fact_type:ty)? {
            $(required {
                $($required:ident $required_key:literal: $required_type:ty = $required_read:expr;)*
            })?
            $(optional {
                $($optional:ident $optional_key:literal: $optional_type:ty = $optional_read:expr;)*
            })?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        $(#[serde(tag = "type", rename = $tag)])?
        pub struct $name {
            $($(
                #[serde(rename = $required_key)]
                pub $required: $required_type,
            )*)?
            $($(
                #[serde(rename = $optional_key, skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$optional_type>,
            )*)?
        }

        impl $name {
            #[allow(unused_variables, reason = "some objects have a type and nothing else")]
            pub(crate) fn fields<'a>(
                reader: &mut $crate::message::reader::Reader<'a>,
                object: &mut $crate::message::reader::Object<'a>,
                $($fact: $fact_type,)?
            ) -> Option<Self> {
                $($(let $required = reader.required(object, $required_key, $required_read);)*)?
                $($(let $optional = reader.optional(object, $optional_key, $optional_read);)*)?
                Some(Self {
                    $($($required: $required?,)*)?
                    $($($optional,)*)?
                })
            }
        }
    };
}

/// Declares a closed set of words.
macro_rules! keywords {
    ($(#[$attribute:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
        pub enum $name {
            $(#[serde(rename = $word)] $variant,)+
        }

        impl $crate::message::value::Keyword for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];
        }
    };
}
