//! Who calls, and by what it is known: the fields that a request shows, and what the file says of
//! them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::key::{ApiKey, Environment};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The host that is called.
pub const HOST: &str = "api.example.com";
/// The path that is called.
pub const PATH: &str = "/v1/notes";
/// The query that is sent.
pub const QUERY: &str = "?limit=10";

const ISSUER: &str = "https://login.example.com";
const USER: &str = "mobile";
const PASSWORD: &str = "neither short nor guessed";

/// What the authorization server says of each token (RFC 7662 §2.2).
pub fn introspected() -> String {
    json!({
        "active": true, "iss": ISSUER, "aud": "notes", "sub": "ada", "client_id": "mobile",
        "scope": "read write",
    })
    .to_string()
}

/// What a request shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// An API key, whether or not it is asked for.
    Key,
    /// A signed token.
    Token(Algorithm),
    /// A token that is bound to its client's key, with a proof of that key (RFC 9449).
    Proof,
    /// A user name and a password.
    Password,
    /// A signature over the request.
    Signature,
    /// A certificate, in a handshake that was.
    Certificate,
}

/// The secrets of the one application that there is.
pub struct Callers {
    key: ApiKey,
    rsa: EncodingKey,
    ec: EncodingKey,
    /// The client's own, to which its token is bound.
    client: EncodingKey,
    /// That token.
    bound: String,
    certificate: CertificateDer<'static>,
    /// Seconds since 1970.
    now: i64,
}

impl Callers {
    /// Those that were made for this, and for tests.
    pub fn new() -> Self {
        let ec = include_bytes!("../../tests/it/tls/a.key");
        let client = include_bytes!("../../tests/it/tls/b.key");
        let certificate = include_bytes!("../../tests/it/tls/friend.pem");
        let mut callers = Self {
            key: ApiKey::from_random(Environment::Live, &[7; 64]).unwrap(),
            rsa: EncodingKey::from_rsa_pem(include_bytes!("rsa.key")).unwrap(),
            ec: EncodingKey::from_ec_pem(ec).unwrap(),
            client: EncodingKey::from_ec_pem(client).unwrap(),
            bound: String::new(),
            certificate: CertificateDer::from_pem_slice(certificate).unwrap(),
            now: chrono::Utc::now().timestamp(),
        };
        let thumbprint = callers.thumbprint();
        let confirmation = json!({ "jkt": thumbprint });
        callers.bound = callers.token(Algorithm::ES256, Some(confirmation));
        callers
    }

    /// The certificate as it is shown.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The application, as a file has it.
    pub fn application(&self) -> String {
        let digest = Sha256::digest(&self.certificate);
        let sha256 = domain::hex::hex(&digest);
        json!({
            "keys": [{ "name": "key", "value": self.key.as_str() }],
            "clients": [{ "name": "client", "issuer": ISSUER, "client_id": "mobile" }],
            "passwords": [{ "name": "password", "user": USER, "value": PASSWORD }],
            "signing_keys": [{ "name": "signing", "keyid": "mine", "key": self.jwk(Algorithm::ES256).to_string() }],
            "certificates": [{ "name": "certificate", "sha256": sha256 }],
            "subscriptions": [{ "product": "p", "plan": "free" }],
        })
        .to_string()
    }

    /// The issuer of tokens, as a policy has it.
    pub fn issuer(&self) -> String {
        let keys = [Algorithm::RS256, Algorithm::ES256].map(|algorithm| self.jwk(algorithm));
        json!({
            "issuer": ISSUER,
            "audience": ["notes"],
            "algorithms": ["RS256", "ES256"],
            "jwks": { "keys": keys },
        })
        .to_string()
    }

    /// The fields that are shown, each with its CRLF. A signature is of a GET without a body.
    pub fn fields(&self, shows: Shows) -> String {
        match shows {
            Shows::Key => format!("X-Api-Key: {}\r\n", self.key.as_str()),
            Shows::Token(algorithm) => {
                let token = self.token(algorithm, None);
                format!("Authorization: Bearer {token}\r\n")
            }
            Shows::Proof => format!(
                "Authorization: DPoP {}\r\nDPoP: {}\r\n",
                self.bound,
                self.proof()
            ),
            Shows::Password => {
                let pair = STANDARD.encode(format!("{USER}:{PASSWORD}"));
                format!("Authorization: Basic {pair}\r\n")
            }
            Shows::Signature => self.signature(),
            Shows::Certificate => String::new(),
        }
    }

    fn signer(&self, algorithm: Algorithm) -> &EncodingKey {
        if algorithm == Algorithm::RS256 {
            &self.rsa
        } else {
            &self.ec
        }
    }

    fn jwk(&self, algorithm: Algorithm) -> Value {
        let jwk = Jwk::from_encoding_key(self.signer(algorithm), algorithm).unwrap();
        serde_json::to_value(jwk).unwrap()
    }

    /// Bound to what `confirmation` names, if anything.
    fn token(&self, algorithm: Algorithm, confirmation: Option<Value>) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": "notes", "sub": "ada", "client_id": "mobile",
            "scope": "read write", "iat": self.now, "exp": self.now + 86_400,
        });
        if let Some(confirmation) = confirmation {
            claims["cnf"] = confirmation;
        }
        encode(&Header::new(algorithm), &claims, self.signer(algorithm)).unwrap()
    }

    fn client_jwk(&self) -> Jwk {
        Jwk::from_encoding_key(&self.client, Algorithm::ES256).unwrap()
    }

    /// Of the client's key (RFC 7638 §3).
    fn thumbprint(&self) -> String {
        let jwk = serde_json::to_value(self.client_jwk()).unwrap();
        let member = |name: &str| jwk[name].as_str().unwrap();
        let (x, y) = (member("x"), member("y"));
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }

    /// For the bound token and a GET, made now: it is good for a minute. Whose request does not go on
    /// to an upstream may show it again.
    fn proof(&self) -> String {
        let header = Header {
            typ: Some("dpop+jwt".to_owned()),
            jwk: Some(self.client_jwk()),
            ..Header::new(Algorithm::ES256)
        };
        let claims = json!({
            "jti": "the only one", "htm": "GET", "htu": format!("http://{HOST}{PATH}"),
            "iat": chrono::Utc::now().timestamp(),
            "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(&self.bound)),
        });
        encode(&header, &claims, &self.client).unwrap()
    }

    /// RFC 9421 §3.1.
    fn signature(&self) -> String {
        let input = format!(
            "(\"@method\" \"@authority\" \"@path\" \"@query\");created={};keyid=\"mine\"",
            self.now
        );
        let base = format!(
            "\"@method\": GET\n\"@authority\": {HOST}\n\"@path\": {PATH}\n\"@query\": {QUERY}\n\
             \"@signature-params\": {input}"
        );
        let algorithm = Algorithm::ES256;
        let signed = jsonwebtoken::crypto::sign(base.as_bytes(), &self.ec, algorithm).unwrap();
        let signature = STANDARD.encode(URL_SAFE_NO_PAD.decode(signed).unwrap());
        format!("Signature-Input: sig={input}\r\nSignature: sig=:{signature}:\r\n")
    }
}
