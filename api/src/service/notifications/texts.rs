//! What mails of events say, and to which side; what is filled in comes from the event's payload.

use serde::Deserialize;
use uuid::Uuid;

/// What the events of subscriptions carry, those of applications' quotas outside of plans, which have
/// a place in the stead of product and plan, and those of credentials: names as they were at that
/// moment.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) application: String,
    #[serde(default)]
    pub(super) application_id: Uuid,
    #[serde(default)]
    pub(super) product: String,
    #[serde(default)]
    pub(super) plan: String,
    #[serde(default)]
    pub(super) place_name: String,
    #[serde(default)]
    pub(super) provider_id: Uuid,
    #[serde(default)]
    pub(super) provider_team_id: Uuid,
    pub(super) consumer: String,
    pub(super) consumer_id: Uuid,
    pub(super) consumer_team_id: Option<Uuid>,
    pub(super) requested_by: Option<Uuid>,
    #[serde(default)]
    pub(super) requester: String,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) note: String,
    /// API and version, where it is about one.
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) credential_name: String,
    /// Its kind, name and what it is recognized by.
    #[serde(default)]
    pub(super) credential_called: String,
    /// Of how many its mail is; 0: it is in the mail of another event.
    #[serde(default = "one")]
    pub(super) credentials: usize,
}

const fn one() -> usize {
    1
}

/// What a kind of event says, and to which side.
pub(super) enum Text {
    Provider(&'static str, &'static str),
    Requester(&'static str, &'static str),
    /// Whoever looks after the application.
    Consumer(&'static str, &'static str),
    /// The same people, who are led to the application's page.
    Keeper(&'static str, &'static str),
}

/// Subject and what happened, by kind; kinds without a mail are absent. Words in braces are
/// replaced from [`Told`].
pub(super) fn text(kind: &str) -> Option<Text> {
    Some(match kind {
        "subscription.requested" => Text::Provider(
            "Approval asked: {application} for {product}",
            "{requester} ({consumer}) asks for the plan {plan} of {product} for the application {application}.",
        ),
        "subscription.approved" => Text::Requester(
            "Approved: {product}",
            "The subscription of {application} to {product}, plan {plan}, was approved.",
        ),
        "subscription.rejected" => Text::Requester(
            "Rejected: {product}",
            "The subscription of {application} to {product}, plan {plan}, was rejected.",
        ),
        "subscription.suspended" => Text::Requester(
            "Suspended: {product}",
            "The subscription of {application} to {product} was suspended: calls are refused until it is resumed.",
        ),
        "subscription.resumed" => Text::Requester(
            "Resumed: {product}",
            "The subscription of {application} to {product} was resumed: calls are answered again.",
        ),
        "subscription.revoked" => Text::Requester(
            "Ended: {product}",
            "The subscription of {application} to {product} was ended by the API's owner.",
        ),
        "subscription.expired" => Text::Requester(
            "Expired: {product}",
            "The subscription of {application} to {product} has reached its end.",
        ),
        "subscription.granted" => Text::Requester(
            "Granted: {product}",
            "{application} was given a subscription to {product}, plan {plan}.",
        ),
        "subscription.quota_80" => Text::Consumer(
            "Quota at 80 %: {product}",
            "{application} has used at least 80 % of its quota for {product}, plan {plan}. {note}",
        ),
        "subscription.version_deprecated" => Text::Consumer(
            "Deprecated: {version}",
            "{version}, which {application} may call by its subscription to {product}, plan {plan}, is deprecated. {note}",
        ),
        "subscription.version_undeprecated" => Text::Consumer(
            "Not deprecated any more: {version}",
            "{version}, which {application} may call by its subscription to {product}, plan {plan}, is not deprecated any more: what was announced of its end was taken back.",
        ),
        "subscription.quota_100" => Text::Consumer(
            "Quota used up: {product}",
            "{application} has used its whole quota for {product}, plan {plan}: further calls are refused until it starts anew. {note}",
        ),
        "application.quota_80" => Text::Consumer(
            "Quota at 80 %: {place}",
            "{application} has used at least 80 % of its quota for {place}. {note}",
        ),
        "application.quota_100" => Text::Consumer(
            "Quota used up: {place}",
            "{application} has used its whole quota for {place}: further calls are refused until it starts anew. {note}",
        ),
        "credential.expiring" => Text::Keeper(
            "Expires soon: {credential} of {application}",
            "The {called} of the application {application} expires within a week. {note} Calls with it are refused from then on: roll it, or add the next one beside it, before that.",
        ),
        "credential.expired" => Text::Keeper(
            "Expired: {credential} of {application}",
            "The {called} of the application {application} has expired: calls with it are refused. {note}",
        ),
        _ => return None,
    })
}

/// The same of kinds whose mail may be of several: their note is a list.
pub(super) fn several(kind: &str) -> Option<Text> {
    Some(match kind {
        "credential.expiring" => Text::Keeper(
            "Expire soon: {called} of {application}",
            "{called} of the application {application} expire within a week. Calls with them are refused from then on: roll them, or add the next ones beside them, before that.\n\n{note}",
        ),
        "credential.expired" => Text::Keeper(
            "Expired: {called} of {application}",
            "{called} of the application {application} have expired: calls with them are refused.\n\n{note}",
        ),
        _ => return None,
    })
}

/// Which member of its payload names the organization that an event is told to; `None`: to nobody.
pub(crate) fn hears(kind: &str) -> Option<&'static str> {
    Some(match text(kind)? {
        Text::Provider(..) => "provider_id",
        Text::Requester(..) | Text::Consumer(..) | Text::Keeper(..) => "consumer_id",
    })
}

/// Mails are of few kinds; the outbox names them by ours, not by whatever a row says.
pub(super) fn known(kind: &str) -> &'static str {
    if kind == "subscription.requested" {
        "subscription.requested"
    } else if kind.starts_with("credential.") {
        "credential.expiry"
    } else {
        "subscription.decided"
    }
}

pub(super) fn filled(text: &str, told: &Told) -> String {
    let words = [
        ("{application}", &told.application),
        ("{product}", &told.product),
        ("{plan}", &told.plan),
        ("{place}", &told.place_name),
        ("{consumer}", &told.consumer),
        ("{requester}", &told.requester),
        ("{note}", &told.note),
        ("{version}", &told.version),
        ("{credential}", &told.credential_name),
        ("{called}", &told.credential_called),
    ];
    // Piece by piece, so that a name with braces in it is not replaced again.
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match words.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, value)) => {
                out.push_str(value);
                rest = &rest[word.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_once() {
        let told = Told {
            application: "{product}".into(),
            application_id: Uuid::nil(),
            product: "Books".into(),
            plan: "free".into(),
            place_name: String::new(),
            provider_id: Uuid::nil(),
            provider_team_id: Uuid::nil(),
            consumer: "Lantern".into(),
            consumer_team_id: None,
            consumer_id: Uuid::nil(),
            requested_by: None,
            requester: "Ines".into(),
            reason: String::new(),
            note: String::new(),
            version: String::new(),
            credential_name: String::new(),
            credential_called: String::new(),
            credentials: 1,
        };
        assert_eq!(
            filled("{application} for {product} {x}", &told),
            "{product} for Books {x}"
        );
    }
}
