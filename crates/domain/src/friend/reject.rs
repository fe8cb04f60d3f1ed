//! The words by which imports and events tell what they refused.

/// Why a row of an import, or a field of an event, was refused. The words are part of the import
/// report and stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectReason {
    EmptyKey,
    BadKey,
    DuplicateKey,
    BadDate,
    BadZone,
    BadGender,
    BadLanguage,
    BadCountry,
    BadRegion,
    BadSource,
    BadTag,
    TooManyTags,
    NameTooLong,
    ControlCharacter,
    CellTooLong,
    TooFewColumns,
    TooManyColumns,
    BadConsent,
    ConsentWithoutTime,
    ConsentInFuture,
    UnknownWording,
    BadBirthYear,
    BirthYearOutOfRange,
    InvalidUtf8,
    UnbalancedQuotes,
    RowTooLong,
}

impl RejectReason {
    pub const ALL: [RejectReason; 26] = [
        Self::EmptyKey,
        Self::BadKey,
        Self::DuplicateKey,
        Self::BadDate,
        Self::BadZone,
        Self::BadGender,
        Self::BadLanguage,
        Self::BadCountry,
        Self::BadRegion,
        Self::BadSource,
        Self::BadTag,
        Self::TooManyTags,
        Self::NameTooLong,
        Self::ControlCharacter,
        Self::CellTooLong,
        Self::TooFewColumns,
        Self::TooManyColumns,
        Self::BadConsent,
        Self::ConsentWithoutTime,
        Self::ConsentInFuture,
        Self::UnknownWording,
        Self::BadBirthYear,
        Self::BirthYearOutOfRange,
        Self::InvalidUtf8,
        Self::UnbalancedQuotes,
        Self::RowTooLong,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyKey => "empty_key",
            Self::BadKey => "bad_key",
            Self::DuplicateKey => "duplicate_key",
            Self::BadDate => "bad_date",
            Self::BadZone => "bad_zone",
            Self::BadGender => "bad_gender",
            Self::BadLanguage => "bad_language",
            Self::BadCountry => "bad_country",
            Self::BadRegion => "bad_region",
            Self::BadSource => "bad_source",
            Self::BadTag => "bad_tag",
            Self::TooManyTags => "too_many_tags",
            Self::NameTooLong => "name_too_long",
            Self::ControlCharacter => "control_character",
            Self::CellTooLong => "cell_too_long",
            Self::TooFewColumns => "too_few_columns",
            Self::TooManyColumns => "too_many_columns",
            Self::BadConsent => "bad_consent",
            Self::ConsentWithoutTime => "consent_without_time",
            Self::ConsentInFuture => "consent_in_future",
            Self::UnknownWording => "unknown_wording",
            Self::BadBirthYear => "bad_birth_year",
            Self::BirthYearOutOfRange => "birth_year_out_of_range",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::UnbalancedQuotes => "unbalanced_quotes",
            Self::RowTooLong => "row_too_long",
        }
    }

    /// Reads a stored word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

impl std::fmt::Display for RejectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
