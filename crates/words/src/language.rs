//! Which languages there are, and which one somebody reads.

use std::fmt;

/// A language the pages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    Korean,
    Japanese,
    English,
}

impl Language {
    pub const ALL: [Language; 3] = [Self::Korean, Self::Japanese, Self::English];

    /// As `lang` attributes and headers say it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Korean => "ko",
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// Its name in itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Korean => "한국어",
            Self::Japanese => "日本語",
            Self::English => "English",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// The language of an `Accept-Language` header that is wanted most; English where none of ours
    /// is named. Of equal weights the earlier wins, as browsers mean it.
    pub fn of_header(header: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for item in header.split(',') {
            let mut parts = item.split(';');
            let range = parts.next().unwrap_or("").trim();
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q=")?.parse().ok())
                .unwrap_or(1.0);
            let primary = range.split('-').next().unwrap_or("").to_ascii_lowercase();
            if let Some(language) = Self::from_code(&primary)
                && weight > best.map_or(0.0, |(highest, _)| highest)
            {
                best = Some((weight, language));
            }
        }
        best.map_or(Self::English, |(_, language)| language)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_as_browsers_mean_it() {
        for (header, expected) in [
            ("ko-KR,ko;q=0.9,en-US;q=0.8", Language::Korean),
            ("fr-FR,ja;q=0.5,en;q=0.4", Language::Japanese),
            ("en;q=0.4, ja;q=0.7", Language::Japanese),
            ("de", Language::English),
            ("", Language::English),
            ("ko;q=0", Language::English),
            ("*;q=what,,;;=", Language::English),
        ] {
            assert_eq!(Language::of_header(header), expected, "{header}");
        }
    }
}
