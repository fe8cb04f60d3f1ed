//! Where webhooks may go, in every spelling that ever led somewhere it should not.

use std::net::IpAddr;

use crate::webhooks::guard::{Forbidden, Guard};

const PUBLIC_ONLY: Guard = Guard {
    allow_private: false,
};
const ANYWHERE: Guard = Guard {
    allow_private: true,
};

/// What a spelling comes to, before any host is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    /// To an address that is not public.
    Inside,
    /// To another scheme, port or form than webhooks have.
    Unfit,
    /// To a public address, or to a host whose addresses are judged when they are known.
    Out,
}

use Comes::{Inside, Out, Unfit};

const SPELLINGS: [(&str, Comes); 92] = [
    ("https://127.0.0.1/", Inside),
    ("https://127.0.0.1./", Inside),
    ("https://127.1/", Inside),
    ("https://127.0.1/", Inside),
    ("https://2130706433/", Inside),
    ("https://0x7f000001/", Inside),
    ("https://0X7F.0.0.1/", Inside),
    ("https://0x7f.1/", Inside),
    ("https://0177.0.0.1/", Inside),
    ("https://017700000001/", Inside),
    ("https://0177.0.0.0x1/", Inside),
    ("https://127.255.255.254/hook", Inside),
    ("https://127.0.0.1:8443/", Inside),
    ("https://%31%32%37.0.0.1/", Inside),
    ("https://１２７.０.０.１/", Inside),
    ("https://127。0。0。1/", Inside),
    ("https://①②⑦.⓪.⓪.①/", Inside),
    ("https://0/", Inside),
    ("https://0.0.0.0/", Inside),
    ("https://0.1.2.3/", Inside),
    ("https://10.0.0.1/", Inside),
    ("https://10.255.255.255/", Inside),
    ("https://167772161/", Inside),
    ("https://100.64.0.1/", Inside),
    ("https://100.127.255.255/", Inside),
    ("https://169.254.169.254/latest/meta-data/", Inside),
    ("https://2852039166/", Inside),
    ("https://0xa9fea9fe/", Inside),
    ("https://0251.0376.0251.0376/", Inside),
    ("https://172.16.0.1/", Inside),
    ("https://172.31.255.255/", Inside),
    ("https://192.0.0.1/", Inside),
    ("https://192.0.2.1/", Inside),
    ("https://192.88.99.1/", Inside),
    ("https://192.168.0.1/", Inside),
    ("https://192.168.65535/", Inside),
    ("https://198.18.0.1/", Inside),
    ("https://198.19.255.255/", Inside),
    ("https://198.51.100.7/", Inside),
    ("https://203.0.113.7/", Inside),
    ("https://224.0.0.1/", Inside),
    ("https://239.255.255.250/", Inside),
    ("https://240.0.0.1/", Inside),
    ("https://255.255.255.255/", Inside),
    ("https://4294967295/", Inside),
    ("https://[::1]/", Inside),
    ("https://[0:0:0:0:0:0:0:1]/", Inside),
    ("https://[::]/", Inside),
    ("https://[::ffff:127.0.0.1]/", Inside),
    ("https://[::ffff:7f00:1]/", Inside),
    ("https://[0:0:0:0:0:ffff:10.1.2.3]/", Inside),
    ("https://[::ffff:169.254.169.254]/", Inside),
    ("https://[::127.0.0.1]/", Inside),
    ("https://[::8.8.8.8]/", Inside),
    ("https://[64:ff9b::127.0.0.1]/", Inside),
    ("https://[64:ff9b::a9fe:a9fe]/", Inside),
    ("https://[64:ff9b:1::8.8.8.8]/", Inside),
    ("https://[2002:7f00:1::]/", Inside),
    ("https://[2002:c0a8:1::1]/", Inside),
    ("https://[2001::1]/", Inside),
    ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", Inside),
    ("https://[2001:2::1]/", Inside),
    ("https://[2001:10::1]/", Inside),
    ("https://[2001:db8::1]/", Inside),
    ("https://[3fff::1]/", Inside),
    ("https://[fc00::1]/", Inside),
    ("https://[fd12:3456:789a::1]/", Inside),
    ("https://[fe80::1]/", Inside),
    ("https://[febf::1]/", Inside),
    ("https://[fec0::1]/", Inside),
    ("https://[ff02::1]/", Inside),
    ("https://[100::1]/", Inside),
    ("https://[4000::1]/", Inside),
    ("http://8.8.8.8/", Unfit),
    ("ftp://8.8.8.8/", Unfit),
    ("file:///etc/passwd", Unfit),
    ("gopher://8.8.8.8:70/_x", Unfit),
    ("https://brand.example:22/", Unfit),
    ("https://brand.example:25/", Unfit),
    ("https://brand.example:80/", Unfit),
    ("https://user@brand.example/", Unfit),
    ("https://user:word@brand.example/", Unfit),
    ("https://brand.example@127.0.0.1/", Unfit),
    ("https:///", Unfit),
    ("//brand.example/", Unfit),
    ("brand.example/hook", Unfit),
    ("https://brand.example/hook?x=@127.0.0.1", Out),
    ("https://bücher.example/", Out),
    ("https://localhost/", Out),
    ("https://8.8.8.8:8443/", Out),
    ("https://[2606:4700:4700::1111]/", Out),
    ("https://[2002:808:808::1]/", Out),
];

fn comes_to(guard: Guard, text: &str) -> Comes {
    match guard.url(text) {
        Ok(_) => Out,
        Err(Forbidden::Address(_)) => Inside,
        Err(_) => Unfit,
    }
}

#[test]
fn every_spelling_is_judged_by_where_it_leads() {
    let wrong = SPELLINGS.iter().filter_map(|(text, expected)| {
        let comes = comes_to(PUBLIC_ONLY, text);
        (comes != *expected).then(|| format!("{text}: {comes:?}, expected {expected:?}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(SPELLINGS.len() >= 60);
}

#[test]
fn a_configuration_allows_neighbours_plain_http_and_any_port() {
    for text in [
        "http://127.0.0.1:80/hook",
        "https://127.0.0.1/",
        "http://[::1]:9/",
        "http://localhost:8080/",
        "https://brand.example:22/",
    ] {
        assert_eq!(comes_to(ANYWHERE, text), Out, "{text}");
    }
    for text in ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "nothing"] {
        assert_eq!(comes_to(ANYWHERE, text), Unfit, "{text}");
    }
}

#[test]
fn one_forbidden_address_forbids_all_of_a_host() {
    let of = |texts: &[&str]| -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let mixed = of(&["8.8.8.8", "2606:4700:4700::1111", "10.0.0.1"]);
    let refused = PUBLIC_ONLY.judge(&mixed).unwrap_err();
    assert_eq!(refused, Forbidden::Address(mixed[2]));
    assert_eq!(PUBLIC_ONLY.judge(&mixed[..2]), Ok(()));
    assert_eq!(ANYWHERE.judge(&mixed), Ok(()));
    for guard in [PUBLIC_ONLY, ANYWHERE] {
        assert_eq!(guard.judge(&[]), Err(Forbidden::NoAddress));
    }
}

#[tokio::test]
async fn a_host_of_this_machine_is_refused_where_it_is_looked_up() {
    use reqwest::dns::Resolve;
    let name = || "localhost".parse().unwrap();
    let found = PUBLIC_ONLY.resolve(name()).await;
    let Err(refused) = found else {
        panic!("localhost is public");
    };
    assert!(refused.downcast_ref::<Forbidden>().is_some(), "{refused}");
    assert!(
        ANYWHERE
            .resolve(name())
            .await
            .is_ok_and(|mut found| found.next().is_some())
    );
}
