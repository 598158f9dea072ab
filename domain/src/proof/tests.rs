//! The examples of the standards, and what attackers make of a proof.

use serde_json::json;

use super::*;

/// RFC 9449 §4.1.
const FOR_A_TOKEN: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
/// RFC 9449 §7.1, with its token.
const FOR_A_CALL: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const TOKEN: &[u8] = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn wanted() -> Wanted<'static> {
    Wanted {
        method: "GET",
        origin: "https://resource.example.org",
        path: "/protectedresource",
        token: Some(TOKEN),
        now: 1_562_262_618,
    }
}

#[test]
fn the_examples_of_the_standard() {
    let call = Proof::read(FOR_A_CALL.as_bytes()).unwrap();
    assert_eq!(call.judge(&wanted()), Ok(()));
    assert_eq!((&*call.id, call.made), ("e1j3V_bKic8-LAEB", 1_562_262_618));
    assert_eq!(call.key.thumbprint(), THUMBPRINT);
    assert!(call.key.is(THUMBPRINT));
    assert!(!call.key.is(&THUMBPRINT[1..]));
    let token = Proof::read(FOR_A_TOKEN.as_bytes()).unwrap();
    let asked = Wanted {
        method: "POST",
        origin: "https://server.example.com",
        path: "/token",
        token: None,
        now: 1_562_262_616,
    };
    assert_eq!(token.judge(&asked), Ok(()));
    // Without a hash of a token it is for no call.
    let shown = Wanted {
        token: Some(TOKEN),
        ..asked
    };
    assert!(token.judge(&shown).unwrap_err().contains("ath"));
}

/// RFC 7638 §3.1.
#[test]
fn the_thumbprint_of_the_standard() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" });
    let key = ProofKey::read(&jwk).unwrap();
    assert_eq!(
        key.thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

#[test]
fn a_proof_is_for_one_request() {
    let proof = Proof::read(FOR_A_CALL.as_bytes()).unwrap();
    let base = wanted();
    let now = base.now;
    for (wanted, why) in [
        (
            Wanted {
                method: "POST",
                ..base
            },
            "htm",
        ),
        (
            Wanted {
                method: "get",
                ..base
            },
            "htm",
        ),
        (
            Wanted {
                origin: "http://resource.example.org",
                ..base
            },
            "htu",
        ),
        (
            Wanted {
                origin: "https://resource.example.org:8443",
                ..base
            },
            "htu",
        ),
        (
            Wanted {
                origin: "https://evil.example.org",
                ..base
            },
            "htu",
        ),
        (
            Wanted {
                path: "/protectedresource/",
                ..base
            },
            "htu",
        ),
        (
            Wanted {
                path: "/Protectedresource",
                ..base
            },
            "htu",
        ),
        (
            Wanted {
                token: Some(b"another"),
                ..base
            },
            "ath",
        ),
        (
            Wanted {
                token: Some(b""),
                ..base
            },
            "ath",
        ),
        (
            Wanted {
                now: now + AGE + SKEW + 1,
                ..base
            },
            "iat",
        ),
        (
            Wanted {
                now: now - SKEW - 1,
                ..base
            },
            "iat",
        ),
        (
            Wanted {
                now: i64::MAX,
                ..base
            },
            "iat",
        ),
        (
            Wanted {
                now: i64::MIN,
                ..base
            },
            "iat",
        ),
    ] {
        let said = proof.judge(&wanted).unwrap_err();
        assert!(said.contains(why), "{wanted:?}: {said}");
    }
    for now in [now - SKEW, now + AGE + SKEW] {
        assert_eq!(proof.judge(&Wanted { now, ..base }), Ok(()), "{now}");
        assert!(proof.left(now) >= 60);
    }
    assert_eq!(proof.left(now), 180);
}

#[test]
fn an_address_is_the_same_however_it_is_written() {
    for (address, origin, path, is) in [
        ("https://a.test/x", "https://a.test", "/x", true),
        ("HTTPS://A.Test:443/x?q=1#f", "https://a.test", "/x", true),
        ("https://a.test/x", "https://A.test:443", "/x", true),
        ("http://a.test:80", "http://a.test", "/", true),
        (
            "https://a.test/%78/./y/../z",
            "https://a.test",
            "/x/z",
            true,
        ),
        ("https://a.test/a%2fb", "https://a.test", "/a%2Fb", true),
        ("https://a.test/{a}", "https://a.test", "/{a}", true),
        ("https://a.test/%7ba%7D", "https://a.test", "/{a}", true),
        ("https://a.test/{a}", "https://a.test", "/%7Ba%7D", true),
        ("https://a.test/{b}", "https://a.test", "/{a}", false),
        ("https://a.test/a%3Fb", "https://a.test", "/a%3Fb", true),
        ("https://[::1]:8443/x", "https://[::1]:8443", "/x", true),
        ("https://a.test/x", "https://a.test", "/y", false),
        ("https://a.test:444/x", "https://a.test", "/x", false),
        ("https://a.test.evil/x", "https://a.test", "/x", false),
        ("https://u:p@a.test/x", "https://a.test", "/x", false),
        ("https://a.test@evil/x", "https://a.test", "/x", false),
        ("/x", "https://a.test", "/x", false),
        ("", "https://a.test", "/x", false),
        ("urn:x", "https://a.test", "/x", false),
        ("https://a.test/x", "https://", "/x", false),
    ] {
        assert_eq!(
            is_at(address, origin, path),
            is,
            "{address} at {origin}{path}"
        );
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn what_is_no_proof() {
    let number = URL_SAFE_NO_PAD.encode([7; 32]);
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": number, "y": number });
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
    let claims = json!({ "jti": "1", "htm": "GET", "htu": "https://a.test/", "iat": 1 });
    let text = |header: &Value, claims: &Value| format!("{}.{}.c2ln", part(header), part(claims));
    assert!(Proof::read(text(&header, &claims).as_bytes()).is_ok());
    let with = |base: &Value, change: Value| {
        let mut changed = base.clone();
        for (name, value) in change.as_object().unwrap() {
            changed[name] = value.clone();
        }
        changed
    };
    let rsa = |bytes: usize| {
        let n = URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        json!({ "alg": "PS256", "jwk": { "kty": "RSA", "n": n, "e": "AQAB" } })
    };
    for change in [rsa(256), rsa(512)] {
        let header = with(&header, change);
        assert!(Proof::read(text(&header, &claims).as_bytes()).is_ok());
    }
    let long = URL_SAFE_NO_PAD.encode([1; 5]);
    let key = |change: Value| json!({ "jwk": with(&jwk, change) });
    let headers = [
        json!({ "typ": "JWT" }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": null }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "EdDSA" }),
        json!({ "alg": null }),
        json!({ "crit": ["b64"] }),
        json!({ "crit": null }),
        json!({ "jwk": null }),
        json!({ "jwk": "x" }),
        json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": "c2VjcmV0" } }),
        key(json!({ "d": number })),
        key(json!({ "d": 1 })),
        key(json!({ "k": "" })),
        key(json!({ "crv": "secp256k1" })),
        key(json!({ "kty": "OKP" })),
        key(json!({ "x": "AA" })),
        key(json!({ "y": format!("{number}=") })),
        key(json!({ "y": 5 })),
        rsa(128),
        rsa(513),
        json!({ "alg": "PS256", "jwk": { "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": long } }),
    ];
    for change in headers {
        let text = text(&with(&header, change.clone()), &claims);
        assert!(Proof::read(text.as_bytes()).is_err(), "{change}");
    }
    for change in [
        json!({ "jti": "" }),
        json!({ "jti": null }),
        json!({ "jti": 1 }),
        json!({ "htm": null }),
        json!({ "htu": 1 }),
        json!({ "iat": "1" }),
        json!({ "iat": null }),
        json!({ "ath": 1 }),
    ] {
        let text = text(&header, &with(&claims, change.clone()));
        assert!(Proof::read(text.as_bytes()).is_err(), "{change}");
    }
    let twice = format!(
        "{}.{}.c2ln",
        part(&header),
        URL_SAFE_NO_PAD.encode(r#"{"jti":"1","jti":"2","htm":"GET","htu":"x","iat":1}"#)
    );
    let good = text(&header, &claims);
    let huge = format!("{good}{}", "a".repeat(LONGEST));
    let four = format!("{good}.c2ln");
    let unsigned = good.strip_suffix("c2ln").unwrap();
    for text in [
        "", "a", "a.b", "..", "a.b.c", unsigned, &twice, &huge, &four,
    ] {
        assert!(Proof::read(text.as_bytes()).is_err(), "{text:.80}");
    }
    assert!(Proof::read(b"\xff.\xff.\xff").is_err());
}
