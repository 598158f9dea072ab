//! What is shown to an upstream, as the forms of it say: a credential, and a client certificate
//! with its key. Neither secret is written back into a page.

use domain::certificate::{ClientCertificate, PrivatePem, has_key};
use domain::problem::Invalid;
use domain::upstream::UpstreamCredential;
use domain::wire::upstreams::{SetClientCertificate, SetUpstreamCredential};

use crate::typed::Typed;

/// The fields that are no secret: they are shown as they were typed.
const OPEN: [&str; 3] = ["kind", "credential_name", "client_certificate/certificate"];

pub(super) fn credential(typed: &Typed) -> SetUpstreamCredential {
    let (name, secret) = (
        typed.get("credential_name").to_owned(),
        typed.raw("credential_secret").to_owned(),
    );
    let credential = match typed.get("kind") {
        "header" => UpstreamCredential::Header {
            name,
            value: secret,
        },
        "basic" => UpstreamCredential::Basic {
            user: name,
            password: secret,
        },
        _ => UpstreamCredential::Bearer { token: secret },
    };
    SetUpstreamCredential {
        credential: Some(credential),
    }
}

pub(super) fn client_certificate(typed: &Typed) -> SetClientCertificate {
    SetClientCertificate {
        client_certificate: Some(ClientCertificate {
            certificate: typed.get("client_certificate/certificate").to_owned(),
            key: PrivatePem(typed.get("client_certificate/key").to_owned()),
        }),
    }
}

/// What may be written back.
pub(super) fn open(typed: Typed) -> Typed {
    let certificate = "client_certificate/certificate";
    if has_key(typed.get(certificate)) {
        // A key in the wrong field is a secret all the same.
        return typed.only(&OPEN[..2]);
    }
    typed.only(&OPEN)
}

/// Brings what is wrong with a credential to the fields that show it; a certificate's are named as
/// the wire names them.
pub(super) fn at_fields(found: &mut [Invalid]) {
    for invalid in found {
        let field = match invalid.pointer.as_str() {
            "/credential/header/name" | "/credential/basic/user" => "/credential_name",
            "/credential/header/value"
            | "/credential/basic/password"
            | "/credential/bearer/token" => "/credential_secret",
            _ => continue,
        };
        invalid.pointer = field.to_owned();
    }
}
