//! Security schemes, and the requirements that name them.

use super::super::finding::FindingCode;
use super::super::pointer::At;
use super::super::security::{
    KeyLocation, OAuthFlow, SecurityKind, SecurityRequirement, SecurityScheme, SecurityUse,
};
use super::Builder;
use serde_json::{Map, Value};

impl<'d> Builder<'d> {
    pub(super) fn security_schemes(&mut self, root: &'d Map<String, Value>) -> Vec<SecurityScheme> {
        let root_at = At::base("");
        let components_at = root_at.key("components");
        let Some(components) = self.member(root, "components", root_at) else {
            return Vec::new();
        };
        let list = self.member(components, "securitySchemes", components_at);
        let list_at = components_at.key("securitySchemes");
        let mut schemes = Vec::new();
        for (name, value) in list.into_iter().flatten() {
            let at = list_at.key(name);
            let Some((scheme, base)) = self.resolve(value, at) else {
                continue;
            };
            let at = base.as_deref().map_or(at, At::base);
            if !self.spend(name.len() + 200, at) {
                break;
            }
            self.scheme_names.insert(name.clone());
            schemes.push(SecurityScheme {
                name: name.clone(),
                description: self.prose(scheme, "description", at),
                kind: self.security_kind(scheme, at),
            });
        }
        schemes
    }

    fn security_kind(&mut self, scheme: &Map<String, Value>, at: At<'_>) -> SecurityKind {
        let kind = self.prose(scheme, "type", at);
        match kind.as_str() {
            "apiKey" => {
                let location = match self.prose(scheme, "in", at).as_str() {
                    "query" => KeyLocation::Query,
                    "cookie" => KeyLocation::Cookie,
                    "header" => KeyLocation::Header,
                    _ => {
                        self.strange(at.key("in"), "header, query or cookie");
                        KeyLocation::Header
                    }
                };
                let parameter = self.prose(scheme, "name", at);
                SecurityKind::ApiKey {
                    location,
                    parameter,
                }
            }
            "http" => SecurityKind::Http {
                scheme: self.prose(scheme, "scheme", at).to_ascii_lowercase(),
            },
            "oauth2" => SecurityKind::OAuth2 {
                flows: self.flows(scheme, at),
            },
            "openIdConnect" => SecurityKind::OpenIdConnect {
                address: self.prose(scheme, "openIdConnectUrl", at),
            },
            "mutualTLS" => SecurityKind::MutualTls,
            _ => {
                self.strange(at.key("type"), "a type of security scheme");
                SecurityKind::Other { kind }
            }
        }
    }

    fn flows(&mut self, scheme: &Map<String, Value>, at: At<'_>) -> Vec<OAuthFlow> {
        let flows_at = at.key("flows");
        let mut flows = Vec::new();
        for (name, value) in self.member(scheme, "flows", at).into_iter().flatten() {
            let at = flows_at.key(name);
            if name.starts_with("x-") {
                continue;
            }
            let Some(flow) = self.object(value, at) else {
                continue;
            };
            let mut scopes = Vec::new();
            for (scope, told) in self.member(flow, "scopes", at).into_iter().flatten() {
                let told = told.as_str().unwrap_or_default();
                if self.spend(scope.len() + told.len() + 48, at) {
                    scopes.push((scope.clone(), told.to_owned()));
                }
            }
            flows.push(OAuthFlow {
                flow: name.clone(),
                authorization_address: self.text(flow, "authorizationUrl", at),
                token_address: self.text(flow, "tokenUrl", at),
                scopes,
            });
        }
        flows
    }

    /// The `security` of a document or operation; none where the key is absent.
    pub(super) fn requirements(
        &mut self,
        object: &Map<String, Value>,
        at: At<'_>,
    ) -> Option<Vec<SecurityRequirement>> {
        object.get("security").filter(|value| !value.is_null())?;
        let list_at = at.key("security");
        let mut requirements = Vec::new();
        for (index, value) in self.items(object, "security", at).iter().enumerate() {
            let at = list_at.index(index);
            let Some(written) = self.object(value, at) else {
                continue;
            };
            let mut requirement = SecurityRequirement::default();
            for name in written.keys() {
                if !self.scheme_names.contains(name) {
                    let message = format!("there is no security scheme {name:?}");
                    self.findings
                        .add(FindingCode::UnknownSecurityScheme, at.key(name), message);
                }
                if self.spend(name.len() + 48, at) {
                    let scopes = self.texts(written, name, at);
                    requirement.schemes.push(SecurityUse {
                        scheme: name.clone(),
                        scopes,
                    });
                }
            }
            requirements.push(requirement);
        }
        Some(requirements)
    }
}
