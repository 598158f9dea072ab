//! Private keys as they travel: opened with the gateway's key ring, or in clear from a file.

use std::borrow::Cow;

use domain::id::{CertificateId, OrganizationId};
use domain::seal::KeyRing;
use domain::snapshot::PrivateKey;

/// The PEM text of `key`, which was sealed for this place.
pub(super) fn open<'a>(
    key: &'a PrivateKey,
    organization: OrganizationId,
    place: CertificateId,
    ring: Option<&KeyRing>,
) -> Result<Cow<'a, str>, String> {
    let sealed = match key {
        PrivateKey::Clear(pem) => return Ok(pem.into()),
        PrivateKey::Sealed(sealed) => sealed,
    };
    let ring = ring.ok_or("its key is sealed and this gateway has no key to open it")?;
    let opened = ring.open(sealed, organization.uuid(), place.uuid());
    let bytes = opened.map_err(|error| error.to_string())?;
    // The error would hold the bytes.
    let pem = String::from_utf8(bytes).map_err(|_| "its key is not PEM")?;
    Ok(pem.into())
}
