//! LINE's areas: which of a friend's regions lie in which.
//!
//! A region is whatever text an import or the messenger told. It lies in an area where it is LINE's
//! code of it (`jp_13`), the code of ISO 3166-2 (`JP-13`), or a name of it (`東京都`, `Tokyo`).
//! Areas of Thailand and Indonesia that are called no more than "Northern" or "others" have their
//! code alone: such a word says nothing without the country.

/// LINE's code, that of ISO 3166-2 where there is one, and names, the first for who reads figures.
const AREAS: [(&str, &str, &[&str]); 89] = [
    ("jp_01", "JP-01", &["北海道", "Hokkaido"]),
    ("jp_02", "JP-02", &["青森", "青森県", "Aomori"]),
    ("jp_03", "JP-03", &["岩手", "岩手県", "Iwate"]),
    ("jp_04", "JP-04", &["宮城", "宮城県", "Miyagi"]),
    ("jp_05", "JP-05", &["秋田", "秋田県", "Akita"]),
    ("jp_06", "JP-06", &["山形", "山形県", "Yamagata"]),
    ("jp_07", "JP-07", &["福島", "福島県", "Fukushima"]),
    ("jp_08", "JP-08", &["茨城", "茨城県", "Ibaraki"]),
    ("jp_09", "JP-09", &["栃木", "栃木県", "Tochigi"]),
    ("jp_10", "JP-10", &["群馬", "群馬県", "Gunma"]),
    ("jp_11", "JP-11", &["埼玉", "埼玉県", "Saitama"]),
    ("jp_12", "JP-12", &["千葉", "千葉県", "Chiba"]),
    ("jp_13", "JP-13", &["東京", "東京都", "Tokyo"]),
    ("jp_14", "JP-14", &["神奈川", "神奈川県", "Kanagawa"]),
    ("jp_15", "JP-15", &["新潟", "新潟県", "Niigata"]),
    ("jp_16", "JP-16", &["富山", "富山県", "Toyama"]),
    ("jp_17", "JP-17", &["石川", "石川県", "Ishikawa"]),
    ("jp_18", "JP-18", &["福井", "福井県", "Fukui"]),
    ("jp_19", "JP-19", &["山梨", "山梨県", "Yamanashi"]),
    ("jp_20", "JP-20", &["長野", "長野県", "Nagano"]),
    ("jp_21", "JP-21", &["岐阜", "岐阜県", "Gifu"]),
    ("jp_22", "JP-22", &["静岡", "静岡県", "Shizuoka"]),
    ("jp_23", "JP-23", &["愛知", "愛知県", "Aichi"]),
    ("jp_24", "JP-24", &["三重", "三重県", "Mie"]),
    ("jp_25", "JP-25", &["滋賀", "滋賀県", "Shiga"]),
    ("jp_26", "JP-26", &["京都", "京都府", "Kyoto"]),
    ("jp_27", "JP-27", &["大阪", "大阪府", "Osaka"]),
    ("jp_28", "JP-28", &["兵庫", "兵庫県", "Hyougo", "Hyogo"]),
    ("jp_29", "JP-29", &["奈良", "奈良県", "Nara"]),
    ("jp_30", "JP-30", &["和歌山", "和歌山県", "Wakayama"]),
    ("jp_31", "JP-31", &["鳥取", "鳥取県", "Tottori"]),
    ("jp_32", "JP-32", &["島根", "島根県", "Shimane"]),
    ("jp_33", "JP-33", &["岡山", "岡山県", "Okayama"]),
    ("jp_34", "JP-34", &["広島", "広島県", "Hiroshima"]),
    ("jp_35", "JP-35", &["山口", "山口県", "Yamaguchi"]),
    ("jp_36", "JP-36", &["徳島", "徳島県", "Tokushima"]),
    ("jp_37", "JP-37", &["香川", "香川県", "Kagawa"]),
    ("jp_38", "JP-38", &["愛媛", "愛媛県", "Ehime"]),
    ("jp_39", "JP-39", &["高知", "高知県", "Kouchi", "Kochi"]),
    ("jp_40", "JP-40", &["福岡", "福岡県", "Fukuoka"]),
    ("jp_41", "JP-41", &["佐賀", "佐賀県", "Saga"]),
    ("jp_42", "JP-42", &["長崎", "長崎県", "Nagasaki"]),
    ("jp_43", "JP-43", &["熊本", "熊本県", "Kumamoto"]),
    ("jp_44", "JP-44", &["大分", "大分県", "Oita"]),
    ("jp_45", "JP-45", &["宮崎", "宮崎県", "Miyazaki"]),
    ("jp_46", "JP-46", &["鹿児島", "鹿児島県", "Kagoshima"]),
    ("jp_47", "JP-47", &["沖縄", "沖縄県", "Okinawa"]),
    ("tw_01", "TW-TPE", &["臺北市", "台北市", "Taipei City"]),
    ("tw_02", "TW-NWT", &["新北市", "New Taipei City"]),
    ("tw_03", "TW-TAO", &["桃園市", "Taoyuan City"]),
    ("tw_04", "TW-TXG", &["臺中市", "台中市", "Taichung City"]),
    ("tw_05", "TW-TNN", &["臺南市", "台南市", "Tainan City"]),
    ("tw_06", "TW-KHH", &["高雄市", "Kaohsiung City"]),
    ("tw_07", "TW-KEE", &["基隆市", "Keelung City"]),
    ("tw_08", "TW-HSZ", &["新竹市", "Hsinchu City"]),
    ("tw_09", "TW-CYI", &["嘉義市", "Chiayi City"]),
    ("tw_10", "TW-HSQ", &["新竹縣", "新竹県", "Hsinchu County"]),
    ("tw_11", "TW-MIA", &["苗栗縣", "苗栗県", "Miaoli County"]),
    ("tw_12", "TW-CHA", &["彰化縣", "彰化県", "Changhua County"]),
    ("tw_13", "TW-NAN", &["南投縣", "南投県", "Nantou County"]),
    ("tw_14", "TW-YUN", &["雲林縣", "雲林県", "Yunlin County"]),
    ("tw_15", "TW-CYQ", &["嘉義縣", "嘉義県", "Chiayi County"]),
    ("tw_16", "TW-PIF", &["屏東縣", "屏東県", "Pingtung County"]),
    ("tw_17", "TW-ILA", &["宜蘭縣", "宜蘭県", "Yilan County"]),
    ("tw_18", "TW-HUA", &["花蓮縣", "花蓮県", "Hualien County"]),
    (
        "tw_19",
        "TW-TTT",
        &["臺東縣", "台東県", "Taitung County", "台東縣"],
    ),
    ("tw_20", "TW-PEN", &["澎湖縣", "澎湖県", "Penghu County"]),
    ("tw_21", "TW-KIN", &["金門縣", "金門県", "Kinmen County"]),
    (
        "tw_22",
        "TW-LIE",
        &["連江縣", "連江県", "Lienchiang County"],
    ),
    ("th_01", "TH-10", &["กรุงเทพมหานคร", "バンコク", "Bangkok"]),
    ("th_02", "TH-S", &["พัทยา", "パタヤ", "Pattaya"]),
    ("th_03", "", &[]),
    ("th_04", "", &[]),
    ("th_05", "", &[]),
    ("th_06", "", &[]),
    ("th_07", "", &[]),
    ("th_08", "", &[]),
    ("id_01", "ID-BA", &["バリ", "Bali"]),
    ("id_02", "", &["バンドン", "Bandung"]),
    ("id_03", "", &["バンジャルマシン", "Banjarmasin"]),
    ("id_04", "ID-JK", &["Jabodetabek", "Jakarta"]),
    ("id_05", "", &[]),
    ("id_06", "", &["マカッサル", "Makassar"]),
    ("id_07", "", &["メダン", "Medan"]),
    ("id_08", "", &["パレンバン", "Palembang"]),
    ("id_09", "", &["サマリンダ", "Samarinda"]),
    ("id_10", "", &["スマラン", "Semarang"]),
    ("id_11", "", &["スラバヤ", "Surabaya"]),
    ("id_12", "ID-YO", &["ジョグジャカルタ", "Yogyakarta"]),
];

/// One of LINE's areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Area(u8);

impl Area {
    pub fn all() -> impl Iterator<Item = Area> {
        // There are far fewer than 256.
        (0..AREAS.len() as u8).map(Area)
    }

    /// By LINE's code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::all().find(|area| area.code() == code)
    }

    /// The area that a friend's region lies in.
    pub fn of_region(region: &str) -> Option<Self> {
        Self::all().find(|area| area.regions().any(|known| known == region))
    }

    pub fn code(self) -> &'static str {
        let &(code, _, _) = self.entry();
        code
    }

    /// What it is called in figures: its name without "prefecture", its code where it has no name.
    pub fn name(self) -> &'static str {
        let &(code, _, names) = self.entry();
        names.first().copied().unwrap_or(code)
    }

    /// The texts by which a region lies in it.
    pub fn regions(self) -> impl Iterator<Item = &'static str> {
        let &(code, iso, names) = self.entry();
        let iso = Some(iso).filter(|iso| !iso.is_empty());
        std::iter::once(code)
            .chain(iso)
            .chain(names.iter().copied())
    }

    fn entry(self) -> &'static (&'static str, &'static str, &'static [&'static str]) {
        // Areas are made in `all` only.
        &AREAS[usize::from(self.0)]
    }
}
