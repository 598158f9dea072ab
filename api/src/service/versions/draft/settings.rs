//! What a draft holds, as its row has it.

use domain::api::Operations;
use domain::id::{OperationId, UpstreamId};
use domain::policy::{AttachPoint, Policy, check_all, take_unreadable};
use domain::problem::{Code, Invalid};
use domain::snapshot::Route;
use domain::upstream::{Chosen, MAX_CHOSEN};
use domain::wire::versions::EditDraft;
use entity::draft;
use entity::row::read_json;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::{named, upstreams};

/// The JSON of `draft.settings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DraftSettings {
    pub(crate) route: Route,
    pub(crate) upstream: Option<UpstreamId>,
    pub(crate) test_upstream: Option<UpstreamId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) upstreams: Vec<Chosen>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) operations_mode: Operations,
    /// Only of operations that have policies of their own.
    pub(crate) operations: Vec<(OperationId, Vec<Policy>)>,
    /// What of the row this release cannot read, with pointers as [`Self::check_policies`] has them;
    /// all of it at "". Whoever writes the settings would lose it: [`Self::whole`].
    #[serde(skip)]
    pub(crate) unreadable: Vec<Invalid>,
}

impl DraftSettings {
    /// As far as this release can read them.
    pub(crate) fn read(row: &draft::Model) -> Self {
        let error = match read_json("draft.settings", &row.settings) {
            Ok(settings) => return settings,
            Err(error) => error,
        };
        readable(&row.settings).unwrap_or_else(|| Self {
            route: Route::at("/"),
            upstream: None,
            test_upstream: None,
            upstreams: Vec::new(),
            policies: Vec::new(),
            operations_mode: Operations::Open,
            operations: Vec::new(),
            unreadable: vec![Invalid::new(
                "",
                format!("This draft cannot be read: {}.", error.reason),
            )],
        })
    }

    /// Whether nothing of them could be read.
    pub(crate) fn is_lost(&self) -> bool {
        let mut unreadable = self.unreadable.iter();
        unreadable.any(|one| one.pointer.is_empty())
    }

    /// Them, for whoever writes them again, or others by them.
    ///
    /// # Errors
    /// What cannot be read, which would be lost.
    pub(crate) fn whole(self) -> Result<Self> {
        if self.unreadable.is_empty() {
            return Ok(self);
        }
        let message = "This release cannot read all of the draft, maybe as a newer one wrote it. \
                       Update Portunus, or write the parts that are named anew.";
        Err(Error {
            invalid: self.unreadable,
            ..Error::new(Code::Conflict, message)
        })
    }

    /// Forgets what could not be read of the parts that `input` puts others in the place of.
    pub(super) fn replaced_by(&mut self, input: &EditDraft) {
        // A route, policies and a mode are all that a draft has at least.
        let anew =
            input.route.is_some() && input.policies.is_some() && input.operations_mode.is_some();
        let operations = input.operations.iter().flatten();
        let operations: Vec<String> = operations.map(|one| at_operation(one.id)).collect();
        let is_in = |one: &Invalid, at: &str| {
            let rest = one.pointer.strip_prefix(at);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.unreadable.retain(|one| {
            let is_replaced = match one.pointer.is_empty() {
                true => anew,
                false => {
                    input.policies.is_some() && is_in(one, "/policies")
                        || operations.iter().any(|at| is_in(one, at))
                }
            };
            !is_replaced
        });
    }

    pub(crate) fn of_operation(&self, id: OperationId) -> Vec<Policy> {
        let found = self.operations.iter().find(|(known, _)| *known == id);
        found
            .map(|(_, policies)| policies.clone())
            .unwrap_or_default()
    }

    /// What is wrong with the policies, version's and operations', with pointers into the draft.
    pub(super) fn check_policies(&self) -> Vec<Invalid> {
        let version = check_all(&self.policies, AttachPoint::Version)
            .into_iter()
            .map(|found| found.under("/policies"));
        let operations = self.operations.iter().flat_map(|(id, policies)| {
            let at = at_operation(*id);
            check_all(policies, AttachPoint::Operation)
                .into_iter()
                .map(move |found| found.under(&at))
        });
        version.chain(operations).collect()
    }

    /// What is wrong with the upstreams for some callers, and which of them are not there.
    pub(super) async fn check_chosen<C: ConnectionTrait>(
        &self,
        db: &C,
        organization: Uuid,
    ) -> Result<Vec<Invalid>> {
        let found = Chosen::check(&self.upstreams).into_iter();
        let mut found: Vec<Invalid> = found.map(|one| one.under("/upstreams")).collect();
        for (index, one) in self.upstreams.iter().enumerate().take(MAX_CHOSEN) {
            if !upstreams::exists(db, organization, one.upstream).await? {
                let message = "Choose an upstream of this organization.";
                found.push(Invalid::new(
                    format!("/upstreams/{index}/upstream"),
                    message,
                ));
            }
        }
        Ok(found)
    }

    /// Whether the organization has the upstreams and lists that they name. What is as in `already`
    /// was looked at then, and is kept since.
    pub(super) async fn check_asked<C: ConnectionTrait>(
        &self,
        db: &C,
        organization: Uuid,
        already: Option<&Self>,
    ) -> Result<Vec<Invalid>> {
        let mut places = Vec::new();
        if already.is_none_or(|already| already.policies != self.policies) {
            places.push(("/policies".to_owned(), &*self.policies));
        }
        for one in &self.operations {
            if already.is_none_or(|already| !already.operations.contains(one)) {
                places.push((at_operation(one.0), &*one.1));
            }
        }
        named::check(db, organization.into(), &places).await
    }
}

fn at_operation(id: OperationId) -> String {
    format!("/operations/{id}/policies")
}

/// Settings without those of their policies that cannot be read; `None` where that is not all.
fn readable(written: &str) -> Option<DraftSettings> {
    let mut written: Value = serde_json::from_str(written).ok()?;
    let mut unreadable = take_unreadable(written.get_mut("policies")?, "/policies");
    for operation in written.get_mut("operations")?.as_array_mut()? {
        let id: OperationId = operation.get(0)?.as_str()?.parse().ok()?;
        unreadable.extend(take_unreadable(operation.get_mut(1)?, &at_operation(id)));
    }
    let settings: DraftSettings = serde_json::from_value(written).ok()?;
    (!unreadable.is_empty()).then_some(DraftSettings {
        unreadable,
        ..settings
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::wire::versions::OperationPolicies;

    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000001";

    fn settings(written: &str) -> DraftSettings {
        DraftSettings::read(&draft::Model {
            version_id: Uuid::nil(),
            settings: written.to_owned(),
            document_id: None,
            updated_at: DateTime::default(),
            updated_by: None,
            etag: 1,
        })
    }

    fn partly() -> DraftSettings {
        settings(&format!(
            r#"{{"route":{{"path":"/a"}},"upstream":null,"test_upstream":null,"policies":[{{"hologram":{{}}}},{{"key_auth":{{}}}}],
                "operations_mode":"open","operations":[["{ID}",[{{"hologram":{{}}}}]]]}}"#
        ))
    }

    fn pointers(settings: &DraftSettings) -> Vec<&str> {
        let unreadable = settings.unreadable.iter();
        unreadable.map(|one| one.pointer.as_str()).collect()
    }

    #[test]
    fn what_can_be_read_of_a_draft_is() {
        let read = partly();
        let of_operation = format!("/operations/{ID}/policies/0");
        assert_eq!(pointers(&read), ["/policies/0", of_operation.as_str()]);
        assert_eq!((read.route.path.as_str(), read.policies.len()), ("/a", 1));
        assert!(!read.is_lost());
        assert_eq!(read.whole().unwrap_err().code, Code::Conflict);
        for written in ["", "[]", "{}", r#"{"policies":[],"operations":[]}"#] {
            let lost = settings(written);
            assert!(lost.is_lost(), "{written}");
            assert_eq!(pointers(&lost), [""], "{written}");
        }
    }

    #[test]
    fn what_is_written_anew_is_lost_no_more() {
        let operations = vec![OperationPolicies {
            id: ID.parse().unwrap(),
            policies: Vec::new(),
        }];
        let version = EditDraft {
            policies: Some(Vec::new()),
            ..EditDraft::default()
        };
        let both = EditDraft {
            operations: Some(operations),
            ..version.clone()
        };
        let anew = EditDraft {
            route: Some(Route::at("/a")),
            operations_mode: Some(Operations::Open),
            ..version.clone()
        };
        for (input, left, lost) in [
            (EditDraft::default(), 2, 1),
            (version, 1, 1),
            (both, 0, 1),
            (anew, 1, 0),
        ] {
            let mut read = partly();
            read.replaced_by(&input);
            assert_eq!(read.unreadable.len(), left, "{input:?}");
            let mut read = settings("");
            read.replaced_by(&input);
            assert_eq!(read.unreadable.len(), lost, "{input:?}");
        }
    }
}
